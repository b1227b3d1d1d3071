"""The long commands as processes: the demo, and a scoring that is killed and run again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from closecurve.pipelines.workspace import Workspace
from closecurve.stores.results import SqlResultsStore

COMMAND = (sys.executable, "-c", "from closecurve.cli import main; main()")
KILLED_AFTER_S = (2.0, 5.0, 8.0)


def test_the_demo_ends_by_itself_and_its_results_are_there(tmp_path: Path) -> None:
    words = ("demo", "--no-serve", "--deals", "150", "--home", str(tmp_path))
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "8 of 10 cases" in done.stdout
    assert "the classic weighted funnel says" in done.stdout
    head = SqlResultsStore(f"sqlite:///{tmp_path / 'results.sqlite'}").latest()
    assert head is not None
    assert head.publication_id == 2


@pytest.mark.xdist_group("pipelines")
def test_a_scoring_killed_at_any_time_ends_the_same_when_run_again(workspace: Workspace) -> None:
    config = workspace.home / "export/closecurve.toml"
    words = ("score", "--home", str(workspace.home), "--config", str(config), "--json")
    for seconds in KILLED_AFTER_S:
        process = subprocess.Popen(
            [*COMMAND, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        head = workspace.results.latest()
        if head is not None:
            counts = workspace.results.counts(head.publication_id)
            assert counts["deal_scores"] == head.summary["open_deals"]
            assert counts["lead_scores"] == head.summary["open_leads"]
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    head = workspace.results.latest()
    assert head is not None
    assert head.publication_id == 1
    assert head.summary["open_deals"] == json.loads(done.stdout)["open_deals"]
    assert not list(workspace.bundles_dir.glob(".sealing-*"))
