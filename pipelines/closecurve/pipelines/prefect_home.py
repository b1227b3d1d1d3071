"""Running a flow with Prefect's server, kept inside the home and silent.

Prefect would start its server at the first flow and wait for it, some 8 s. Here it starts in a
process of its own before anything heavy is imported, and the other core does that work.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from closecurve.pipelines.publication import Published
    from closecurve.pipelines.workspace import Workspace

NAMED_BY = ("PREFECT_API_URL", "PREFECT_PROFILE")
"""Who sets one of these, or another home of Prefect, names the server to use."""

ENDING_SECONDS = 5
"""How long what is left may take to be told, and the server to end: what Prefect gives its own."""


@contextmanager
def prefect_server(home: Path) -> Iterator[str | None]:
    """Prefect's server for the flows of a home while the block runs: its address.

    None where the environment names the server to use. Nothing waits for it here: the first
    request of a flow does. Only for a home that this process has locked.
    """
    _settle(home)
    is_elsewhere = os.environ["PREFECT_HOME"] != _prefect_folder(home)
    if is_elsewhere or any(name in os.environ for name in NAMED_BY):
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        server = _serve(listener)
    try:
        yield address
    finally:
        _end(server)


def run_nightly(
    workspace: "Workspace",
    as_of: "pd.Timestamp | None",
    *,
    server: str | None,
    afresh: bool = False,
) -> "Published":
    """Run the nightly flow on a home, told to the `prefect_server` at an address; `afresh` as of
    `steps.import_history`. A server that the user's Prefect settings name goes before. Raises what
    its steps raise."""
    _settle(workspace.home)
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        temporary_settings,
    )

    from closecurve.pipelines.flows import nightly

    # The heartbeat tells a remote server of a dead run; here it only costs a second a flow.
    changed = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    known = {} if server is None else {PREFECT_API_URL: server}
    with temporary_settings(changed, set_defaults=known):
        try:
            return nightly(workspace, as_of, afresh=afresh)
        finally:
            _tell_the_rest()


def _tell_the_rest() -> None:
    """Let the events and logs that are still on their way reach the server before it ends."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (EventsWorker, APILogWorker):
        worker.drain_all(timeout=ENDING_SECONDS, at_exit=False)


def _settle(home: Path) -> None:
    """Set Prefect's environment before it is first imported; what the user set stays."""
    os.environ.setdefault("PREFECT_HOME", _prefect_folder(home))
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "ERROR")
    # The server takes 8 s to start, and far longer on a machine that is busy.
    os.environ.setdefault("PREFECT_API_REQUEST_TIMEOUT", "180")
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")


def _prefect_folder(home: Path) -> str:
    return str((home / "prefect").absolute())


def _serve(listener: socket.socket) -> "subprocess.Popen[bytes]":
    """The server as a child that takes the listening socket over: no port is guessed."""
    number = listener.fileno()
    command = [sys.executable, "-m", "closecurve.pipelines.prefect_server", str(number)]
    return subprocess.Popen(command, pass_fds=[number], stdin=subprocess.DEVNULL)


def _end(server: "subprocess.Popen[bytes]") -> None:
    server.terminate()
    try:
        server.wait(ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
