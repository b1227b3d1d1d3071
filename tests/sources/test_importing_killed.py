"""An import that is killed leaves the history as before or as after; run again it ends the same."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

MAPPING = '[sources.deals]\npath = "deals.csv"\n[tables.deals]\n'
FIRST = "deal_id,created_at,amount\nD1,2025-01-01,100\nD2,2025-01-02,200\n"
SECOND = "deal_id,created_at,amount\nD1,2025-01-01,150\nD3,2025-01-05,300\n"


def digests(home: Path) -> dict[str, str]:
    """Every file of a home by its name, with the SHA-256 of its content."""
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file()
    }


def test_an_import_killed_at_any_step_leaves_a_whole_history(
    tmp_path: Path, project_root: Path
) -> None:
    for name, content in (("first", FIRST), ("second", SECOND)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "deals.csv").write_text(content)
        (tmp_path / name / "closecurve.toml").write_text(MAPPING)
    run = subprocess.run(
        [sys.executable, "-m", "tests.sources.killing", str(tmp_path)],
        cwd=project_root,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    said = [json.loads(line) for line in run.stdout.splitlines()]
    assert all(each["whole"] for each in said)
    after, killed = said[0]["current"], [each for each in said if not each["done"]]
    kept = [each["current"] != after for each in killed]
    assert kept == sorted(kept, reverse=True)
    assert len(killed) == 10
    assert {True, False} == set(kept)  # killed on both sides of the switch
    again = [each for each in said[1:] if each["done"]]
    assert [each["current"] for each in again] == [after] * 4
    for each in again:
        assert digests(tmp_path / f"killed-{each['step']}") == digests(tmp_path / "smooth")
