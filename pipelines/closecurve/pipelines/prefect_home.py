"""Running a flow with Prefect's embedded server, kept inside the home and silent."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from closecurve.pipelines.publication import Published
    from closecurve.pipelines.workspace import Workspace


def run_nightly(
    workspace: "Workspace", as_of: "pd.Timestamp | None", *, afresh: bool = False
) -> "Published":
    """Run the nightly flow on a home; `afresh` as of `steps.import_history`. Raises what its steps
    raise."""
    _settle(workspace)
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from closecurve.pipelines.flows import nightly

    # The heartbeat tells a remote server of a dead run; here it only costs a second a flow.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        return nightly(workspace, as_of, afresh=afresh)


def _settle(workspace: "Workspace") -> None:
    """Set Prefect's environment before it is first imported; what the user set stays."""
    os.environ.setdefault("PREFECT_HOME", str(workspace.home / "prefect"))
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "ERROR")
    # The embedded server takes 8 s to start, and far longer on a machine that is busy.
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
