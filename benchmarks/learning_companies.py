"""The companies of the learning curve: one with signal, a real one, one where nothing predicts."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from quality_data import data_folder, imported

from closecurve.crm.calendar import FiscalCalendar
from closecurve.crm.stages import DEFAULT_PROCESS, Process
from closecurve.crm.tables import HISTORY_TABLES
from closecurve.pipelines.panels import ARRIVAL

DEALS = 4_000
"""Deals of a simulated company: a thousand of them close in a year or so."""

NOISE_SEED = 5
CYCLE_DAYS, WON_SHARE = 40.0, 0.3
NOISE_START, NOISE_END = pd.Timestamp("2022-01-01"), pd.Timestamp("2026-01-01")
OWNERS, SEGMENTS = 8, 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Company:
    """The history tables as frames, what the settings say, and what is asked after the cutoff."""

    frames: dict[str, pd.DataFrame]
    processes: tuple[Process, ...]
    calendar: FiscalCalendar
    currency: str
    cutoff: pd.Timestamp
    until: pd.Timestamp
    as_ofs: tuple[pd.Timestamp, ...]
    horizons: tuple[float, ...]


def demo() -> Company:
    """The demo company: much of what it records says something of the close."""
    as_ofs = pd.date_range("2025-02-03", "2025-11-10", freq="28D")
    return _imported("demo", pd.Timestamp("2025-02-01"), as_ofs, (7.0, 30.0, 90.0))


def bpic2012() -> Company | None:
    """Loan applications; None where the files are not here."""
    if not (data_folder() / "bpic2012").is_dir():
        return None
    as_ofs = pd.date_range("2012-01-11", "2012-02-12", freq="4D")
    return _imported("bpic2012", pd.Timestamp("2012-01-10"), as_ofs, (7.0, 14.0, 30.0))


def _imported(
    name: str, cutoff: pd.Timestamp, as_ofs: pd.DatetimeIndex, horizons: tuple[float, ...]
) -> Company:
    with imported(name, deals=DEALS) as (workspace, _):
        tables = workspace.history().tables()
        wanted = set(HISTORY_TABLES) - {"leads", "lead_changes"}
        return Company(
            frames={table: tables.table(table).execute() for table in sorted(wanted)},
            processes=workspace.settings.processes,
            calendar=workspace.settings.calendar,
            currency=workspace.settings.company.currency,
            cutoff=cutoff,
            until=workspace.history().data_until + ARRIVAL,
            as_ofs=tuple(as_ofs.as_unit("us")),
            horizons=horizons,
        )


def noise() -> Company:
    """Deals whose closes come at one rate and are won at one share, whatever is recorded."""
    random = np.random.default_rng(NOISE_SEED)
    span = (NOISE_END - NOISE_START).days
    created = NOISE_START + pd.to_timedelta(np.sort(random.uniform(0, span, DEALS)), unit="D")
    stay = random.exponential(CYCLE_DAYS, DEALS)
    deals = pd.DataFrame(
        {
            "deal_id": [f"N-{number:05d}" for number in range(DEALS)],
            "created_at": created.as_unit("us"),
            "known_at": created.as_unit("us"),
            "process": DEFAULT_PROCESS.name,
            "currency": "USD",
            "segment": random.integers(0, SEGMENTS, DEALS).astype(str),
            "employees": np.round(random.lognormal(4, 1, DEALS)),
        }
    )
    return Company(
        frames={
            "deals": deals,
            "deal_changes": _noise_changes(deals, stay, random),
            "stages": _default_stages(),
        },
        processes=(DEFAULT_PROCESS,),
        calendar=FiscalCalendar(),
        currency="USD",
        cutoff=pd.Timestamp("2025-02-01"),
        until=NOISE_END,
        as_ofs=tuple(pd.date_range("2025-02-03", "2025-09-29", freq="28D").as_unit("us")),
        horizons=(7.0, 30.0, 90.0),
    )


def _noise_changes(
    deals: pd.DataFrame, stay: np.ndarray, random: np.random.Generator
) -> pd.DataFrame:
    """A first stage, up to four moves on at random moments, an owner, an amount and the close."""
    stages = [stage.name for stage in DEFAULT_PROCESS.open_stages]
    moments = np.sort(random.uniform(0, 2, (len(deals), len(stages) - 1)), axis=1)
    facts = [("stage", np.zeros(len(deals)), np.full(len(deals), stages[0]))]
    facts += [
        ("stage", np.where(moments[:, place] < 1, moments[:, place] * stay, np.nan), name)
        for place, name in enumerate(stages[1:])
    ]
    facts.append(("owner_id", np.zeros(len(deals)), random.integers(0, OWNERS, len(deals))))
    amount = np.round(random.lognormal(9, 1, len(deals)))
    facts.append(("amount", np.zeros(len(deals)), amount))
    won = np.where(random.random(len(deals)) < WON_SHARE, "won", "lost")
    facts.append(("outcome", stay, won))
    made = [_facts(deals, field, days, value) for field, days, value in facts]
    known = pd.concat(made, ignore_index=True)
    known = known[known["event_at"] < NOISE_END].sort_values(["deal_id", "field", "event_at"])
    return known.assign(seq=known.groupby(["deal_id", "field"]).cumcount().astype(float))


def _facts(deals: pd.DataFrame, field: str, days: np.ndarray, value: object) -> pd.DataFrame:
    event_at = deals["created_at"] + pd.to_timedelta(days, unit="D").as_unit("us")
    frame = pd.DataFrame({"deal_id": deals["deal_id"], "field": field, "event_at": event_at})
    frame = frame.assign(known_at=event_at, new_value=value).dropna(subset=["event_at"])
    return frame.assign(new_value=frame["new_value"].astype(str))


def _default_stages() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "process": DEFAULT_PROCESS.name,
                "stage": stage.name,
                "stage_order": float(place),
                "kind": stage.kind.value,
                "fixed_rate": stage.fixed_rate,
            }
            for place, stage in enumerate(DEFAULT_PROCESS.stages, 1)
        ]
    )


COMPANIES: dict[str, Callable[[], Company | None]] = {
    "demo": demo,
    "bpic2012": bpic2012,
    "noise": noise,
}
