"""How often the leakage guard sets aside an honest column, and how many planted leaks it finds.

    .venv/bin/python benchmarks/guard.py --companies 60

Each company has lives of its own: size, span, cycle, growth, a share that never closes. Honest
columns are known at the creation, and drive or follow the outcome (AUC to .9) and the speed of the
close; some come into use or fall out of it, some are missing for a cause. Leaks are written at the
close. Exits 1 where more than one honest column in 200 is set aside, or a leak is missed as often
as the bound says.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from closecurve.features.guard import inspect
from closecurve.features.tables import HistoryTables

MOST_FALSE = 0.005
LEAST_FOUND = 0.95
HONEST_COLUMNS = 60
NOW = pd.Timestamp("2026-01-01")
Random = np.random.Generator


def company(random: Random) -> pd.DataFrame:
    """Records with created_at, closed_at (null: open), won, and what drives them."""
    count, span = int(random.integers(400, 6000)), random.uniform(200, 1200)
    cycle, never = np.exp(random.uniform(np.log(3), np.log(150))), random.uniform(0, 0.4)
    age = span * random.random(count) ** random.uniform(0.6, 1.6)
    chance, speed = random.normal(size=count), random.normal(size=count)
    strength, hurry = random.uniform(0, 2.5), random.uniform(0, 1.5)
    logit = random.uniform(-2, 0.5) + strength * chance
    won = random.random(count) < 1 / (1 + np.exp(-logit))
    days = random.exponential(cycle, count) * np.exp(-hurry * speed)
    slow = 1 / (1 + np.exp(random.uniform(0, 4) * speed + random.uniform(0, 2)))
    days[random.random(count) < (slow if random.random() < 0.5 else never)] = np.inf
    closed = days < age
    created = NOW - pd.to_timedelta(age, unit="D")
    shut = created + pd.to_timedelta(np.where(closed, days, 0), unit="D")
    frame = pd.DataFrame({"created_at": created, "closed_at": shut.where(closed), "won": won})
    frame = frame.assign(chance=chance, speed=speed, is_closed=closed, logit=logit)
    return frame.sort_values("created_at", ignore_index=True)


def honest(deals: pd.DataFrame, random: Random) -> pd.Series:
    """A column known at the creation."""
    share = random.random(3)
    mixed = share @ np.array([deals["chance"], deals["speed"], random.normal(size=len(deals))])
    values = pd.Series(mixed)
    if random.random() < 0.6:
        kinds = int(np.exp(random.uniform(np.log(2), np.log(500))))
        values = pd.qcut(values.rank(method="first"), min(kinds, len(deals) // 2), labels=False)
        values = values.astype(int).astype(str).radd("kind ")
    if random.random() < 0.5:
        driver = [deals["chance"], deals["speed"], pd.Series(random.normal(size=len(deals)))]
        cause = driver[int(random.integers(3))] * random.choice([-1, 1])
        values = values.where(cause < cause.quantile(random.uniform(0.1, 0.95)))
    place = np.arange(len(deals)) / len(deals)
    fate, turn = random.random(), random.uniform(0.2, 0.9)
    if fate < 0.25:
        values = values.where(place > turn)
    elif fate < 0.5:
        values = values.where(place < turn)
    return values


def outcome_of(deals: pd.DataFrame) -> pd.Series:
    return pd.Series(np.where(deals["won"], "won", "lost"))


def copied(deals: pd.DataFrame, random: Random) -> pd.Series:
    """The outcome, a tenth of it wrong, some not filled in."""
    said = outcome_of(deals)
    wrong = random.random(len(deals)) < random.uniform(0, 0.1)
    said = said.mask(wrong, said.map({"won": "lost", "lost": "won"}))
    kept = random.random(len(deals)) < random.uniform(0.3, 1)
    return said.where(deals["is_closed"] & kept)


def filled_at_close(deals: pd.DataFrame, random: Random) -> pd.Series:
    """Says nothing of the outcome, but is there on closed records only."""
    kept = random.random(len(deals)) < random.uniform(0.2, 1)
    return pd.Series(random.normal(size=len(deals))).where(deals["is_closed"] & kept)


def restated(deals: pd.DataFrame, random: Random) -> pd.Series:
    """Many categories of the close, some of them for won and lost alike; open ones have others."""
    kinds = int(random.integers(2, 60))
    own = outcome_of(deals).mask(random.random(len(deals)) < 0.3, "done")
    closed = own + " " + pd.Series(random.integers(0, kinds, len(deals))).astype(str)
    running = pd.Series(random.integers(0, kinds, len(deals))).astype(str).radd("running ")
    return closed.where(deals["is_closed"], running)


def partly_restated(deals: pd.DataFrame, random: Random) -> pd.Series:
    """A category of the creation that a tenth to a half of the losses replace by their reason."""
    kinds = pd.Series(random.integers(0, 8, len(deals))).astype(str).radd("kind ")
    said = deals["is_closed"] & ~deals["won"]
    said &= random.random(len(deals)) < random.uniform(0.1, 0.5)
    reason = pd.Series(random.integers(0, 4, len(deals))).astype(str).radd("closed: reason ")
    return kinds.mask(said, reason)


def overwritten(deals: pd.DataFrame, random: Random) -> pd.Series:
    """An amount that becomes 0 when it is lost."""
    amount = pd.Series(np.exp(random.normal(9, 1, len(deals))))
    return amount.mask(deals["is_closed"] & ~deals["won"], 0.0)


def cleared(deals: pd.DataFrame, random: Random) -> pd.Series:
    """A next step that is emptied at the close."""
    steps = pd.Series(random.integers(0, 6, len(deals))).astype(str).radd("step ")
    return steps.mask(deals["is_closed"] & (random.random(len(deals)) < random.uniform(0.5, 1)))


def known_at_close(deals: pd.DataFrame, random: Random) -> pd.Series:
    """An account that is entered at the close at the latest."""
    accounts = pd.Series(random.integers(0, 80, len(deals))).astype(str).radd("account ")
    known = random.random(len(deals)) < random.uniform(0.1, 0.6)
    return accounts.where(deals["is_closed"] | known)


LEAKS: tuple[Callable[[pd.DataFrame, Random], pd.Series], ...] = (
    copied,
    filled_at_close,
    restated,
    partly_restated,
    overwritten,
    cleared,
    known_at_close,
)


def history_of(deals: pd.DataFrame, columns: dict[str, pd.Series]) -> HistoryTables:
    ids = pd.Series(np.arange(len(deals))).astype(str)
    closed = deals["is_closed"]
    facts = pd.DataFrame(
        {
            "deal_id": ids[closed],
            "field": "outcome",
            "event_at": deals["closed_at"][closed],
            "known_at": deals["closed_at"][closed],
            "seq": 0.0,
            "new_value": outcome_of(deals)[closed],
        }
    )
    rows = pd.DataFrame({"deal_id": ids, "created_at": deals["created_at"], **columns})
    return HistoryTables.from_frames({"deals": rows, "deal_changes": facts})


def trials(companies: int, seed: int) -> Iterator[dict[str, object]]:
    for number in range(companies):
        random = np.random.default_rng([seed, number])
        deals = company(random)
        columns = {f"honest_{i}": honest(deals, random) for i in range(HONEST_COLUMNS)}
        columns |= {leak.__name__: leak(deals, random) for leak in LEAKS}
        for report in inspect(history_of(deals, columns), NOW):
            if report.column in columns:
                yield {
                    "kind": report.column.partition("_")[0]
                    if report.column.startswith("honest")
                    else report.column,
                    "is_set_aside": not report.is_used,
                    "auc": report.auc,
                    "company": number,
                    "column": report.column,
                    "closed": int(deals["is_closed"].sum()),
                    "open": int((~deals["is_closed"]).sum()),
                    "reason": report.reason,
                }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--companies", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    started = time.perf_counter()
    found = pd.DataFrame(trials(arguments.companies, arguments.seed))
    is_honest = found["kind"] == "honest"
    can_tell = found["reason"] != "too few open or closed records to tell"
    table = (
        found[is_honest | can_tell]
        .groupby("kind")
        .agg(
            columns=("is_set_aside", "size"),
            set_aside=("is_set_aside", "sum"),
            share=("is_set_aside", "mean"),
            highest_auc=("auc", "max"),
        )
    )
    print(table.round(4).to_string())
    alarms = found[is_honest & found["is_set_aside"]]
    if len(alarms):
        print(alarms.drop(columns=["kind", "is_set_aside"]).to_string(index=False))
    print(f"{time.perf_counter() - started:.0f} s")
    shares = table["share"]
    missed = shares.drop("honest") < LEAST_FOUND
    return 1 if shares["honest"] > MOST_FALSE or missed.any() else 0


if __name__ == "__main__":
    sys.exit(main())
