"""What the service needs to start, and that it is quick about it."""

import subprocess
import sys

SCRIPT = """
import sys
from pathlib import Path
from closecurve.serving.app import create_app
from closecurve.stores.results import MemoryResultsStore
create_app(results=MemoryResultsStore(), bundles_dir=Path("."))
print(",".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""
HEAVY = {
    "lightgbm",
    "sklearn",
    "scipy",
    "ibis",
    "duckdb",
    "plotly",
    "matplotlib",
    "mlflow",
    "prefect",
}


def test_the_service_starts_without_models_engines_and_flows() -> None:
    started = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )
    assert HEAVY.isdisjoint(started.stdout.strip().split(","))
