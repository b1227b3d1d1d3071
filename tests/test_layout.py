"""The layout that everything else rests on."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

FLOORS = ("core", "features", "models", "pipelines", "serving")
HEAVY = (
    "mlflow",
    "prefect",
    "lightgbm",
    "sklearn",
    "plotly",
    "ibis",
    "matplotlib",
    "statsmodels",
)


@pytest.mark.parametrize("floor", FLOORS)
def test_the_namespace_has_no_init(project_root: Path, floor: str) -> None:
    assert (project_root / floor / "closecurve").is_dir()
    assert not (project_root / floor / "closecurve" / "__init__.py").exists()


def test_no_module_is_provided_by_two_floors(project_root: Path) -> None:
    packages = [
        path.name
        for floor in FLOORS
        for path in (project_root / floor / "closecurve").iterdir()
        if path.is_dir() and path.name != "__pycache__"
    ]
    assert len(packages) == len(set(packages))


@pytest.mark.parametrize("module", ["closecurve.cli", "closecurve.serving.app"])
def test_nothing_heavy_is_imported_at_start(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_locks_name_no_host_and_hash_everything(project_root: Path) -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (project_root / name).read_text()
        assert "://" not in text
        pins = [line for line in text.splitlines() if "==" in line and not line.startswith(" ")]
        assert len(pins) > 50
        assert text.count("--hash=sha256:") >= len(pins)


def test_a_wheel_holds_every_floor_and_its_web_files(project_root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path), "."]
    subprocess.run(command, cwd=project_root, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for package in ("crm", "features", "models", "stores", "sources", "settings", "pipelines"):
        assert f"closecurve/{package}/__init__.py" in names
    assert any(name.startswith("closecurve/serving/web/templates/") for name in names)
    assert "closecurve/__init__.py" not in names


def test_a_built_wheel_runs_the_command(project_root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path), "."]
    subprocess.run(command, cwd=project_root, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = "import closecurve.cli as c; print(c.__file__); c.main(['--version'])"
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); {code}",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert str(tmp_path / "site") in done.stdout, done.stderr
    assert "closecurve 0." in done.stdout
