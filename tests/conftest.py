"""What all tests share: the project root, the public data sets, and quiet libraries."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("closecurve", deadline=None)
settings.load_profile("closecurve")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, each group on one worker: no worker is left with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are no name of a test: an archive holds the clock, and workers would not agree."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def project_root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The public data sets; tests that need them skip where they are absent."""
    folder = Path(os.environ.get("CLOSECURVE_DATA", ROOT / "../shared/data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no public data sets at {folder}: CLOSECURVE_DATA names their folder")
    return folder
