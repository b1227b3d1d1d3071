"""Prefect's server beside a run: whose it is, and that it ends with the run."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from closecurve.pipelines import prefect_home
from closecurve.pipelines.prefect_home import prefect_server


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment without Prefect's names, as it is again after the test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    monkeypatch.setattr(os, "environ", kept)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> "list[subprocess.Popen[bytes]]":
    """The servers that were started: a child that sleeps stands for each."""
    made: list[subprocess.Popen[bytes]] = []

    def serve(_listener: socket.socket) -> "subprocess.Popen[bytes]":
        made.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        return made[-1]

    monkeypatch.setattr(prefect_home, "_serve", serve)
    return made


def test_the_server_runs_as_long_as_the_block(
    started: "list[subprocess.Popen[bytes]]", tmp_path: Path
) -> None:
    with prefect_server(tmp_path) as address:
        assert address is not None
        assert address.startswith("http://127.0.0.1:")
        assert started[0].poll() is None
    assert started[0].poll() is not None


def test_the_server_ends_where_the_run_fails(
    started: "list[subprocess.Popen[bytes]]", tmp_path: Path
) -> None:
    with pytest.raises(OSError, match="disk"), prefect_server(tmp_path):
        raise OSError("the disk is full")
    assert started[0].poll() is not None


@pytest.mark.parametrize("name", ["PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT_HOME"])
def test_who_says_which_server_to_use_gets_no_other(
    name: str, started: "list[subprocess.Popen[bytes]]", tmp_path: Path
) -> None:
    os.environ[name] = "mine"
    with prefect_server(tmp_path) as address:
        assert address is None
    assert not started


def test_a_second_run_in_the_same_home_has_a_server_too(
    started: "list[subprocess.Popen[bytes]]", tmp_path: Path
) -> None:
    for _ in range(2):
        with prefect_server(tmp_path):
            pass
    assert len(started) == 2
