"""The command as a person meets it: what it prints, and its exit codes."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from closecurve.stores.lock import home_lock

DEALS = "deal_id,created_at,closed_at,outcome\n" + "".join(
    f"D-{i},2025-01-{1 + i % 28:02d},2025-02-{1 + i % 28:02d},{('won', 'lost')[i % 2]}\n"
    for i in range(40)
)
CONFIG = """
[company]
name = "Small"
[import]
folder = "."
[sources.deals]
path = "deals.csv"
[tables.deals]
from = "deals"
"""


def run(*words: str | Path, **settings: object) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    code = "from closecurve.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **settings)  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The settings of a small company beside its export."""
    (tmp_path / "deals.csv").write_text(DEALS, encoding="utf-8")
    path = tmp_path / "closecurve.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which something else listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_the_version_and_the_help_come_at_once() -> None:
    assert run("--version").stdout.startswith("closecurve 0.")
    assert "backtest" in run("--help").stdout


@pytest.mark.parametrize(
    "words",
    [
        ("score", "--as-of", "soon"),
        ("frobnicate",),
        ("demo", "--deals", "0"),
        ("demo", "--deals", "many"),
        ("import", "--config", "none.toml"),
        ("import",),
        ("train",),
        ("train", "--budget", "soon"),
        ("train", "--budget", "0m"),
        ("score",),
        ("serve", "--port", "70000"),
        ("backtest", "--cutoffs", "soon", "--out", "out"),
        ("backtest", "--cutoffs", "2025-01-01", "--out", "out", "--horizons", "0"),
        ("backtest", "--cutoffs", "2025-01-01", "--most", "2"),
        ("backtest", "--score-at", "2025-01-01"),
        ("backtest", "--weeks-apart", "0"),
        ("changes", "--from", "soon"),
    ],
    ids=" ".join,
)
def test_a_wrong_call_exits_2_with_one_clear_message(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_an_import_exits_0_and_prints_for_machines(config: Path) -> None:
    done = run("import", "--config", config, "--home", config.parent / "home", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tables"]["deals"] == {"read": 40, "set_aside": 0}


def test_rows_set_aside_exit_1_and_the_report_names_each(config: Path) -> None:
    dirty = DEALS + "D-9,2025-01-01,,\nD-99,yesterday,,\n"
    (config.parent / "deals.csv").write_text(dirty, encoding="utf-8")
    done = run("import", "--config", config, "--home", config.parent / "home", "--json")
    assert done.returncode == 1, done.stderr
    report = pd.read_csv(json.loads(done.stdout)["report"])
    rules = dict(zip(report["line"], report["rule"], strict=True))
    assert rules == {42: "id-duplicate", 43: "date-unreadable"}


def test_refused_data_exit_3_and_the_earlier_history_stays(config: Path) -> None:
    home = config.parent / "home"
    run("import", "--config", config, "--home", home)
    before = (home / "history/CURRENT").read_text()
    (config.parent / "deals.csv").write_text("name,amount\na,1\n", encoding="utf-8")
    done = run("import", "--config", config, "--home", home)
    assert done.returncode == 3
    assert "deal_id" in done.stderr
    assert (home / "history/CURRENT").read_text() == before


def test_a_second_run_exits_4_and_names_the_first(config: Path) -> None:
    home = config.parent / "home"
    with home_lock(home, "a long training"):
        done = run("import", "--config", config, "--home", home)
    assert done.returncode == 4
    assert "a long training" in done.stderr


def test_a_taken_port_exits_5(tmp_path: Path, taken_port: int) -> None:
    done = run("serve", "--home", tmp_path, "--port", str(taken_port))
    assert done.returncode == 5
    assert str(taken_port) in done.stderr


def test_a_home_that_is_a_file_exits_5(config: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("import", "--config", config, "--home", tmp_path / "file")
    assert done.returncode == 5
    assert "Traceback" not in done.stderr


def test_the_service_refuses_to_listen_beyond_loopback(config: Path) -> None:
    config.write_text(CONFIG + '[service]\nhost = "0.0.0.0"\n', encoding="utf-8")
    done = run("serve", "--config", config, "--home", config.parent / "home")
    assert done.returncode == 2
    assert "loopback" in done.stderr
