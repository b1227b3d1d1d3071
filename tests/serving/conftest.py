"""A published company to serve: made up, seeded, with the shapes of the real flow's results."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
import uvicorn
from fastapi import FastAPI

from closecurve.serving.app import create_app
from closecurve.stores.results import MemoryResultsStore, Publication, ResultsStore
from closecurve.stores.results.columns import STALLS

AS_OF = pd.Timestamp("2026-02-02 05:00")
NOW = pd.Timestamp("2026-02-02 10:15")
STAGES = (("Qualification", 0.1), ("Needs analysis", 0.4), ("Proposal", 0.6), ("Negotiation", 0.8))
TEAMS = ("North", "South", "Greater China", "Inside sales")
NAMES = ("Ada Byron", "王小明", "Siân O’Connor", "José Núñez", "Lena Groß", "Ravi <Rao> & Co")
DAYS = np.array([0.0, 7, 14, 21, 30, 45, 58, 75, 90, 120, 150, 180])
QUARTERS = (("2026 Q1", "2026-01-01", "2026-04-01"), ("2026 Q2", "2026-04-01", "2026-07-01"))
ODD_ID = 'd/7 ?#%2F&"<b>商机</b>'
SUMMARY: dict[str, Any] = {
    "company": "Möller & 汉方 Instruments",
    "currency": "USD",
    "time_zone": "America/New_York",
    "data_quality": [
        {
            "code": "over-age",
            "table": "deals",
            "column": None,
            "count": 12,
            "total": 60,
            "amount": 1.3e6,
            "days": 212.0,
            "day": None,
            "sentence": "12 of 60 open deals are older than any deal that ever closed (212 days).",
        },
        {
            "code": "bulk-close",
            "table": "deals",
            "column": None,
            "count": 90,
            "total": 900,
            "amount": None,
            "days": None,
            "day": "2025-12-31",
            "sentence": "90 deals were closed on 2025-12-31; the usual day with a close has 4.",
        },
    ],
    "stalls": {
        "report": {"flags": {"flagged_stalled_rate": 0.76, "other_stalled_rate": 0.42}},
    },
    "models": {
        "deal": {
            "is_better": True,
            "yardstick": "historical_stage_rate",
            "scores": {
                name: [{"outcome": "won", "horizon_days": 30.0, "log_loss": loss}]
                for name, loss in (("model", 0.412), ("historical_stage_rate", 0.458))
            },
        }
    },
}
REASONS = [
    {
        "group": "engagement",
        "direction": "raises",
        "delta_probability": 0.094,
        "sentence": "6 activities in the last 30 days; typical for this stage is 2.",
        "feature": "activity_count_30",
        "value": 6.0,
        "typical": 2.0,
    },
    {
        "group": "expected close",
        "direction": "lowers",
        "delta_probability": -0.061,
        "sentence": "The expected close was pushed 3 times; typical for this stage is 0.",
        "feature": "push_count",
        "value": 3.0,
        "typical": 0.0,
    },
]


VALUE_BASIS = {
    "source": "event",
    "fact": {
        "count": 64,
        "won_count": 22,
        "won_amount": 740_000.0,
        "win_rate": 0.33,
        "mean_amount": 34_000.0,
    },
    "fit_feature": "attribute_employees",
    "fit_factor": 1.07,
    "own_amount": None,
}
SUB_SCORES = {
    "fit": 82, "authority": None, "budget and timing": 35, "engagement": 61, "source": 8,
}  # fmt: skip
WEEK = pd.Timedelta(days=7)


def status_of(due_at: pd.Timestamp, responded_at: pd.Timestamp) -> str:
    """Where a lead stands at the as-of."""
    if pd.notna(responded_at):
        return "answered"
    return "overdue" if due_at < AS_OF else "waiting"


def curve(won: float, lost: float) -> dict[str, list[float]]:
    """A plausible close curve that ends at `won` and `lost`."""
    rise = 1 - np.exp(-DAYS / 50)
    rise /= rise[-1]
    return {
        "days": DAYS.tolist(),
        "won": (won * rise).round(5).tolist(),
        "lost": (lost * rise**0.8).round(5).tolist(),
    }


def deals(count: int = 60, seed: int = 3) -> pd.DataFrame:
    """Open deals with the columns of the publication; the first has an id that needs quoting."""
    rng = np.random.default_rng(seed)
    won = rng.beta(2, 3, count).round(4)
    lost = ((1 - won) * rng.uniform(0.6, 0.98, count)).round(4)
    stage = np.minimum((won * 5).astype(int), 3)
    age = rng.uniform(2, 140, count).round(2)
    median = [AS_OF.normalize() + pd.Timedelta(days=int(d)) for d in rng.uniform(10, 90, count)]
    curves = [curve(w, x) for w, x in zip(won, lost, strict=True)]
    frame = pd.DataFrame(
        {
            "deal_id": [ODD_ID, *(f"d-{1000 + i}" for i in range(1, count))],
            "account_id": [f"a-{i % 17}" for i in range(count)],
            "owner_id": [f"o-{i % len(NAMES)}" for i in range(count)],
            "team": [TEAMS[i % len(NAMES) % len(TEAMS)] for i in range(count)],
            "region": "EMEA",
            "process": "default",
            "stage": [STAGES[i][0] for i in stage],
            "currency": rng.choice(["USD", "EUR", "CNY"], count),
            "amount": rng.lognormal(10.5, 0.9, count).round(-2),
            "created_at": [AS_OF - pd.Timedelta(days=float(d)) for d in age],
            "expected_close_date": [day + pd.Timedelta(days=9) for day in median],
            "age_days": age,
            "days_in_stage": (age * 0.4).round(2),
            "win_probability_eventual": won,
            "win_probability_quarter": [c["won"][6] for c in curves],
            "win_probability_30": [c["won"][4] for c in curves],
            "loss_probability_eventual": lost,
            "win_probability_low": won * 0.8,
            "win_probability_high": won + (1 - won) * 0.2,
            "stage_rate_fixed": [STAGES[i][1] for i in stage],
            "stage_rate_history": [STAGES[i][1] * 0.7 for i in stage],
            "close_q10_date": [day - pd.Timedelta(days=8) for day in median],
            "close_q50_date": median,
            "close_q90_date": [day + pd.Timedelta(days=41) for day in median],
            "curve": curves,
            "reasons": [REASONS for _ in range(count)],
        }
    )
    return frame.assign(amount_company=frame["amount"])


def leads(count: int = 30, seed: int = 4) -> pd.DataFrame:
    """Open leads in queue order: the first overdue, the second due soon, the third answered."""
    rng = np.random.default_rng(seed)
    conversion = np.sort(rng.beta(2, 4, count))[::-1].round(4)
    due = [AS_OF + pd.Timedelta(hours=h) for h in np.linspace(4, 160, count)]
    curves = [curve(p, (1 - p) * 0.9) for p in conversion]
    answered = pd.Series(pd.NaT, index=range(count), dtype="datetime64[us]")
    answered[2] = AS_OF - pd.Timedelta(hours=1)
    return pd.DataFrame(
        {
            "lead_id": [f"l-{i}" for i in range(count)],
            "account_id": None,
            "owner_id": [f"o-{i % len(NAMES)}" for i in range(count)],
            "team": [TEAMS[i % len(NAMES) % len(TEAMS)] for i in range(count)],
            "region": "EMEA",
            "source": rng.choice(["search", "event", "partner", "purchased list"], count),
            "created_at": AS_OF - pd.Timedelta(hours=3),
            "age_days": 0.13,
            "conversion_probability_eventual": conversion,
            "conversion_probability_30": [c["won"][4] for c in curves],
            "conversion_probability_90": [c["won"][8] for c in curves],
            "disqualification_probability_eventual": (1 - conversion) * 0.9,
            "grade": np.select([conversion > p for p in (0.5, 0.3, 0.15)], list("ABC"), "D"),
            "response_due_at": due,
            "responded_at": answered,
            "is_overdue": [at < AS_OF for at in due],
            "queue_rank": range(1, count + 1),
            "conversion_probability_low": conversion * 0.8,
            "conversion_probability_high": conversion + (1 - conversion) * 0.2,
            "follow_up_due_at": answered + WEEK,
            "status": [status_of(*pair) for pair in zip(due, answered, strict=True)],
            "value_amount": 12_000.0,
            "expected_amount": conversion * 12_000,
            "value_basis": [VALUE_BASIS for _ in range(count)],
            "sub_scores": [SUB_SCORES for _ in range(count)],
            "curve": curves,
            "reasons": [REASONS[:1] for _ in range(count)],
        }
    )  # fmt: skip


def forecasts() -> pd.DataFrame:
    """Two quarters for the company, its teams and its owners."""
    owners = [("owner", f"o-{i}") for i in range(len(NAMES))]
    scopes = [("company", "company"), *(("team", team) for team in TEAMS), *owners]
    rows = []
    for name, start, end in QUARTERS:
        for kind, scope in scopes:
            size = {"company": 1.0, "team": 0.25, "owner": 1 / 6}[kind] * 4.2e6
            booked = size * 0.32 if name == "2026 Q1" else 0.0
            middle = size if name == "2026 Q1" else size * 0.86
            spread = {
                f"q{q:02d}": middle * (1 + (q - 50) / 280) for q in (5, 10, 25, 50, 75, 90, 95)
            }
            rows.append(
                {
                    "cutoff": AS_OF, "as_of": AS_OF, "period_name": name, "period_start": start,
                    "period_end": end, "scope_kind": kind, "scope": scope, "booked": booked,
                    "open_mean": middle * 0.55, "new_mean": middle * 0.13, "mean": middle,
                    **spread, "weighted_pipeline_fixed": middle * 1.1,
                    "weighted_pipeline_history": middle * 0.6, "target": size * 1.06,
                    "target_probability": 0.37, "actual": None, "carried_by": "bottom_up",
                    "period_kind": "quarter", "commit_amount": middle * 0.2,
                    "best_case_amount": middle * 0.4,
                    "rule_weights": {"bottom_up": 0.6, "run_rate": 0.4},
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def funnel() -> pd.DataFrame:
    """The funnel of the company and of each team and owner."""
    owners = [("owner", f"o-{i}") for i in range(len(NAMES))]
    rows = [
        {
            "scope_kind": kind, "scope": scope, "process": "default", "stage": stage,
            "stage_order": order, "fixed_rate": rate, "history_rate": rate * 0.7,
            "deal_count": 90 - 18 * order, "amount": 3.1e6 - 5e5 * order,
            "weighted_fixed": 1.2e6, "weighted_history": 8e5, "entered_count": 900 - 150 * order,
            "conversion_rate": 0.42 + 0.08 * order, "conversion_low": 0.39 + 0.08 * order,
            "conversion_high": 0.45 + 0.08 * order, "dwell_q50_days": 9.0 + order,
            "dwell_q80_days": 24.0 + order, "dwell_q50_days_low": 8.0 + order,
            "dwell_q50_days_high": 11.0 + order, "dwell_q80_days_low": 21.0 + order,
            "dwell_q80_days_high": 28.0 + order, "usual_count": 80.0 - 18 * order,
            "decided_count": 800 - 150 * order,
        }
        for kind, scope in [("company", "company"), *(("team", t) for t in TEAMS), *owners]
        for order, (stage, rate) in enumerate(STAGES, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


STALL_REASON = {
    "code": "silence",
    "value": 23.8,
    "bound": 14.2,
    "fact": {"rate": 0.78, "count": 1204, "other_rate": 0.47, "other_count": 8421},
}


def stalls(scored: pd.DataFrame) -> pd.DataFrame:
    """Every deal: each other one is flagged, the first of them without a reason."""
    if scored.empty:
        return scored
    row = np.arange(len(scored))
    shared = [column.name for column in STALLS.columns if column.name in scored]
    told = [[] if i == 0 else [STALL_REASON] for i in row]
    return scored[shared].assign(
        stall_probability=0.9 - row / 1000,
        usual_probability=0.5,
        verdict=np.where(row % 2, "on_course", "flagged"),
        checkpoint=np.array([None, "weekly_review", "follow_up", "decision"])[row % 4],
        funnel_part="middle",
        next_step="middle:silence",
        dwell_q50_days=np.where(row % 5, 12.0, np.nan),
        dwell_q80_days=np.where(row % 5, 27.5, np.nan),
        quiet_days=23.8,
        still_days=41.3,
        reasons=pd.Series(told, index=scored.index, dtype=object),
    )[list(STALLS.names)]


def stall_owners() -> pd.DataFrame:
    """What each owner has to review: the first all kinds, the last nothing."""
    place = np.arange(len(NAMES))
    counts = {f"{name}_count": (5 - place) for name in ("weekly_review", "follow_up", "decision")}
    return pd.DataFrame(
        {
            "owner_id": [f"o-{i}" for i in place],
            "team": [TEAMS[i % len(TEAMS)] for i in place],
            "open_count": 10,
            "open_amount": 4e5,
            "flagged_count": 5,
            "flagged_amount": 1e5 * (1 + place % 3),
            **counts,
        }
    )


def publication(as_of: pd.Timestamp = AS_OF, **changed: Any) -> Publication:
    """A whole publication; `changed` replaces parts of it."""
    owners = pd.DataFrame(
        {
            "owner_id": [f"o-{i}" for i in range(len(NAMES))],
            "name": list(NAMES),
            "team": [TEAMS[i % len(TEAMS)] for i in range(len(NAMES))],
        }
    )
    parts: dict[str, Any] = {
        "as_of": as_of,
        "published_at": as_of + pd.Timedelta(minutes=3),
        "history_id": "h1",
        "bundle_digest": "0" * 64,
        "deal_model_version": "7",
        "lead_model_version": "4",
        "summary": SUMMARY,
        "deal_scores": deals(),
        "lead_scores": leads(),
        "forecasts": forecasts(),
        "funnel": funnel(),
        "owner_facts": owners,
        "stalls": stalls(changed.get("deal_scores", deals())),
        "stall_owners": stall_owners(),
    }
    return Publication(**(parts | changed))


class Client:
    """Asks an application as a browser or a program would, without a socket."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    def request(self, method: str, url: str, **settings: Any) -> httpx.Response:
        """One request to the host `localhost`; redirects are not followed."""
        return asyncio.run(self._request(method, url, **settings))

    def get(self, url: str, **settings: Any) -> httpx.Response:
        """A GET request."""
        return self.request("GET", url, **settings)

    def post(self, url: str, **settings: Any) -> httpx.Response:
        """A POST request."""
        return self.request("POST", url, **settings)

    async def _request(self, method: str, url: str, **settings: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, url, **settings)


Serve = Callable[..., FastAPI]


@pytest.fixture(name="publication", scope="session")
def publication_maker() -> Callable[..., Publication]:
    """Makes a whole publication, parts of it replaced by name."""
    return publication


@pytest.fixture(scope="session")
def results() -> MemoryResultsStore:
    """Two publications a day apart. Shared: tests only read it."""
    store = MemoryResultsStore()
    store.publish(publication(AS_OF - pd.Timedelta(days=1), deal_scores=deals(seed=5)))
    store.publish(publication())
    return store


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """Makes the application over a store (an empty one where none is given)."""
    bundles_dir = tmp_path_factory.mktemp("bundles")

    def serving(store: ResultsStore | None = None, **settings: Any) -> FastAPI:
        held = MemoryResultsStore() if store is None else store
        chosen: dict[str, Any] = {"bundles_dir": bundles_dir, "clock": lambda: NOW} | settings
        return create_app(results=held, **chosen)

    return serving


@pytest.fixture(scope="session")
def client(serve: Serve, results: MemoryResultsStore) -> Client:
    """A client of the application over the two publications."""
    return Client(serve(results))


@pytest.fixture(scope="session")
def empty_client(serve: Serve) -> Client:
    """A client of an application that nothing is published to."""
    return Client(serve())


@pytest.fixture(name="served", scope="session")
def server() -> Callable[[FastAPI], Iterator[str]]:
    """Puts an application behind a real server on loopback, and gives its address."""
    return served


@pytest.fixture(scope="session")
def address(serve: Serve, results: MemoryResultsStore) -> Iterator[str]:
    """The application over the two publications behind a real server: its address."""
    yield from served(serve(results))


def served(app: FastAPI) -> Iterator[str]:
    """Serves on loopback until the iterator goes on."""
    # asyncio answers at once (TCP_NODELAY) only on a socket that says it is TCP.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)
