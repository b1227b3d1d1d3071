"""One run at a time in a home."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from closecurve.crm.errors import EnvironmentFailure, ExitCode, LockedError
from closecurve.stores.lock import home_lock

HOLDER = """
import sys, time
from pathlib import Path
from closecurve.stores.lock import home_lock
with home_lock(Path(sys.argv[1]), "train"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_run_is_told_who_holds_the_home(tmp_path: Path) -> None:
    with (
        home_lock(tmp_path, "import"),
        pytest.raises(LockedError, match=rf"held by process {os.getpid()} \(import\) since 20"),
        home_lock(tmp_path, "score"),
    ):
        pass
    assert LockedError.exit_code == ExitCode.LOCKED


def test_a_home_is_free_after_the_block_even_if_it_failed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), home_lock(tmp_path, "import"):
        raise RuntimeError
    with home_lock(tmp_path, "score"):
        assert json.loads((tmp_path / "lock").read_text())["purpose"] == "score"


def test_a_home_is_made_where_there_is_none(tmp_path: Path) -> None:
    with home_lock(tmp_path / "new" / "home", "import"):
        assert (tmp_path / "new" / "home" / "lock").is_file()


def test_a_home_is_free_after_its_holder_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(LockedError, match=rf"process {holder.pid} \(train\)"),
            home_lock(tmp_path, "score"),
        ):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with home_lock(tmp_path, "score"):
            pass


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}'])
def test_a_holder_without_a_name_is_still_a_holder(tmp_path: Path, content: str) -> None:
    with home_lock(tmp_path, "import"):
        (tmp_path / "lock").write_text(content)
        with pytest.raises(LockedError, match="a run that began at 20"), home_lock(tmp_path, "x"):
            pass


def test_a_home_that_is_a_file_is_an_environment_failure(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(EnvironmentFailure) as caught, home_lock(tmp_path / "home", "import"):
        pass
    assert caught.value.code == "home-unwritable"
