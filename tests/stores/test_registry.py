"""The registry: versions of sealed bundles, champion and challenger, and the way back."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from closecurve.crm.errors import EnvironmentFailure, UsageError
from closecurve.stores.bundle import open_sealed, seal
from closecurve.stores.registry import (
    ModelVersion,
    champion,
    fetch,
    flat_metrics,
    log_training,
    promote,
)

REPORT: Mapping[str, Any] = {"won": {7: {"log_loss": 0.27}}, "bins": [1, 2], "rows": 10}


def log(home: Path, text: str, name: str = "deals") -> ModelVersion:
    """Log a training whose model is the text."""
    bundles = home / "bundles"
    digest = seal(lambda folder: (folder / "model.txt").write_text(text), bundles)
    figure = Figure()
    figure.add_subplot().plot([0, 1], [0, 1])
    return log_training(
        home,
        name,
        open_sealed(bundles, digest),
        REPORT,
        {"reliability": figure},
        {"leaves": 7},
        {"as_of": "2026-01-01"},
        {"report_deal": "<h1>deals</h1>"},
    )


FIRST_USE = """
import sys
from pathlib import Path
from closecurve.stores.registry import champion
print(champion(Path(sys.argv[1]), "deals"))
"""


@pytest.fixture(scope="module")
def first_use(tmp_path_factory: pytest.TempPathFactory) -> "subprocess.CompletedProcess[str]":
    """A process that used the registry of a new home, the last of its arguments."""
    home = tmp_path_factory.mktemp("home")
    command = [sys.executable, "-c", FIRST_USE, str(home)]
    return subprocess.run(command, capture_output=True, text=True, check=True)


@pytest.fixture(scope="module")
def home(first_use: "subprocess.CompletedProcess[str]") -> Path:
    """A home with two versions of `deals`, the second of them champion after the first."""
    home = Path(first_use.args[-1])
    for text in ("one", "two"):
        promote(home, "deals", log(home, text).version)
    return home


def test_versions_count_up_and_the_champion_is_the_promoted_one(home: Path) -> None:
    serving = champion(home, "deals")
    assert serving is not None
    assert serving.version == "2"
    assert (fetch(home, "deals", "champion") / "model.txt").read_text() == "two"


def test_the_champion_before_is_the_way_back(home: Path) -> None:
    assert (fetch(home, "deals", "previous") / "model.txt").read_text() == "one"
    assert promote(home, "deals", "champion") == promote(home, "deals", "2")
    assert (fetch(home, "deals", "previous") / "model.txt").read_text() == "one"


def test_the_same_bundle_logged_again_keeps_its_version(home: Path) -> None:
    assert log(home, "two").version == "2"
    assert (fetch(home, "deals", "challenger") / "model.txt").read_text() == "two"


def test_a_run_holds_metrics_report_plots_parameters_and_tags(home: Path) -> None:
    from mlflow import MlflowClient

    serving = champion(home, "deals")
    assert serving is not None
    client = MlflowClient(tracking_uri=f"sqlite:///{home}/mlflow.db")
    run = client.get_run(serving.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"won.7.log_loss": 0.27, "rows": 10.0}
    assert run.data.params == {"leaves": "7"}
    assert run.data.tags["as_of"] == "2026-01-01"
    artifacts = home / "mlartifacts" / serving.run_id / "artifacts"
    assert (artifacts / "report.json").is_file()
    assert (artifacts / "plots" / "reliability.png").read_bytes().startswith(b"\x89PNG")
    kinds = {path.suffix for path in artifacts.rglob("*") if path.is_file()}
    assert kinds == {".json", ".png", ".txt", ".html"}
    assert (artifacts / "report_deal.html").read_text(encoding="utf-8") == "<h1>deals</h1>"


@pytest.mark.parametrize("which", ["9", "nobody", ""])
def test_a_version_that_is_not_there_is_refused_with_those_that_are(home: Path, which: str) -> None:
    for call in (fetch, promote):
        with pytest.raises(UsageError, match="'champion'") as caught:
            call(home, "deals", which)
        assert caught.value.code == "model-version"


def test_a_name_without_versions_has_no_champion(home: Path) -> None:
    assert champion(home, "leads") is None
    with pytest.raises(UsageError):
        fetch(home, "leads", "champion")


def test_a_moved_home_still_has_its_models_and_takes_new_ones(home: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    home.rename(moved)
    try:
        assert (fetch(moved, "deals", "champion") / "model.txt").read_text() == "two"
        made = log(moved, "three")
        assert (fetch(moved, "deals", made.version) / "model.txt").read_text() == "three"
        assert not home.exists()
    finally:
        moved.rename(home)


def test_an_altered_artefact_is_refused(tmp_path: Path, home: Path) -> None:
    bundle = fetch(home, "deals", "1")
    try:
        (bundle / "model.txt").write_text("other")
        with pytest.raises(EnvironmentFailure) as caught:
            fetch(home, "deals", "1")
        assert caught.value.code == "bundle-damaged"
    finally:
        (bundle / "model.txt").write_text("one")


def test_a_registry_that_cannot_be_opened_is_an_environment_failure(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 1000)
    with pytest.raises(EnvironmentFailure) as caught:
        champion(tmp_path, "deals")
    assert caught.value.code == "registry-failed"


def test_metrics_are_the_finite_numbers_under_names_that_mlflow_takes() -> None:
    report = {"a": {"share < 10 %": 0.5}, "b": float("nan"), "c": None, "d": "text", "e": True}
    assert flat_metrics(report) == {"a.share _ 10 _": 0.5, "e": 1.0}


def test_the_first_use_says_nothing(first_use: "subprocess.CompletedProcess[str]") -> None:
    assert (first_use.stdout, first_use.stderr) == ("None\n", "")


def test_importing_the_stores_imports_no_registry() -> None:
    code = (
        "import sys, closecurve.stores.registry, closecurve.stores.bundle, closecurve.stores.lock;"
        "print([m for m in ('mlflow', 'sqlalchemy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
