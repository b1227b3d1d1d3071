"""`closecurve changes` as a person meets it: a bridge in words, every move as CSV."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_app import CONFIG
from tests.serving.test_changes import FIRST, WEEK, publish

from closecurve.cli.comparing import NO_FORECAST, Asked, run_changes
from closecurve.pipelines.steps import import_history
from closecurve.pipelines.workspace import Workspace

DEALS = """deal_id,created_at,closed_at,outcome,amount,owner_id
D-1,2025-01-02,,,1000,ann
D-2,2025-01-02,2025-01-20,won,20000,ann
D-3,2025-01-15,,,=1+1,bob
D-4,2025-01-16,,,300000,bob
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A company of four deals that knows of two years."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "deals.csv").write_text(DEALS, encoding="utf-8")
    config = folder / "closecurve.toml"
    config.write_text(CONFIG.replace('"."', '"."\nmost_bad_share = 0.5'), encoding="utf-8")
    workspace = Workspace.open(folder / "home", config).quiet()
    import_history(workspace)
    return workspace


def asked(**changed: Any) -> Asked:
    made: dict[str, Any] = {
        "start": "2025-01-10",
        "end": "2025-02-01T00:00:00",
        "measure": "amount",
        "scope_kind": "company",
        "scope": "company",
        "period": None,
    }
    return Asked(**(made | changed))


def test_the_bridge_is_told_in_words_and_every_move_is_written(
    small: Workspace, tmp_path: Path
) -> None:
    out = tmp_path / "deep/moves.csv"
    document, lines = run_changes(small, asked(), out)
    assert lines == [
        "Open pipeline of the company, amounts in USD, 2025-01-10 00:00 to 2025-02-01 00:00 (UTC)",
        "  Start                                     21 k",
        "  New deals                               +300 k        1 deal",
        "  Won                                      -20 k        1 deal",
        "  End                                      301 k",
        "  The deals that moved most:",
        "    D-4               +300 k  New deals (bob)",
        "    D-2                -20 k  Won (ann)",
        NO_FORECAST,
        f"Written to {out}",
    ]
    rows = list(csv.DictReader(io.StringIO(out.read_text("utf-8-sig"))))
    assert [(row["of"], row["deal_id"], float(row["effect"])) for row in rows] == [
        ("pipeline", "D-4", 300_000),
        ("pipeline", "D-2", -20_000),
    ]
    assert document["forecast"] is None
    assert document["pipeline"]["end"] == 301_000


def test_the_forecast_of_publications_stands_beside_it(small: Workspace) -> None:
    for number in range(2):
        publish(small.results, number)
    span = {"start": FIRST.isoformat(), "end": (FIRST + 1.5 * WEEK).isoformat()}
    document, lines = run_changes(small, asked(**span), None)
    forecast = document["forecast"]
    assert (forecast["from_as_of"], forecast["to_as_of"]) == (
        FIRST.isoformat(),
        (FIRST + WEEK).isoformat(),
    )
    effects = sum(move["effect"] for move in forecast["moves"])
    assert effects == pytest.approx(forecast["end"] - forecast["start"], abs=1e-6)
    said = "Forecast of 2026 Q1 for the company, as published for 2026-01-19 05:00 and"
    assert any(line.startswith(said) for line in lines)
    assert NO_FORECAST not in lines


def test_without_an_end_the_last_thing_known_is_compared(small: Workspace) -> None:
    document, _ = run_changes(small, asked(end=None, scope_kind="owner", scope="bob"), None)
    assert document["to"] == small.data_end().isoformat()
    assert document["pipeline"]["kinds"][0]["kind"] == "new"
