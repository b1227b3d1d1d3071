"""Snapshots of a large history: Closecurve beside the same five features written by hand.

    .venv/bin/python benchmarks/features.py --deals 1000000

Writes histories of 10 thousand, 100 thousand and `--deals` deals (six stage facts and ten
activities each) and asks for the weekly panel of 104 as-ofs: five features (stage, days in stage,
activities in 30 days, pushes, the owner's trailing win rate) with Closecurve, with a query by hand
in DuckDB, with pandas and with featuretools, and the full set with Closecurve; and for the full
set of all deals open at one as-of. Each in a process of its own. Prints seconds, CPU seconds
(which other work on the machine changes less), rows per CPU second and peak memory, then the
ratios of CPU seconds. Exits 1 where a goal is missed or the answers differ.

featuretools needs an environment of its own, with older libraries; its row is left out, saying so,
unless `--featuretools` names the Python of one:

    python3 -m venv FOLDER && FOLDER/bin/pip install featuretools "pandas<3" pyarrow
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import Any

HERE = Path(__file__).parent
FIVE = ("stage", "days_in_stage", "activity_count_30", "push_count", "owner_win_rate")
PANDAS_DEALS = 10_000
"""pandas is asked for no more: it needs minutes for ten times as many."""
FEATURETOOLS_ROWS = 3_000
"""Rows that featuretools is asked for: it needs minutes for each thousand deals."""
THREADS = 2
GOALS = {
    "memory": 8_000.0,
    "five": 1.5,
    "five, first asked": 1.5,
    "full": 10.0,
    "featuretools": 20.0,
    "line": 1.5,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run: `check` sums each of the five features, so that answers can be compared."""

    name: str
    deals: int
    rows: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    check: tuple[float, ...]

    @property
    def cpu_per_row(self) -> float:
        """Microseconds of CPU for each row."""
        return self.cpu_seconds / self.rows * 1e6

    def line(self) -> str:
        """A row of the printed table."""
        rate = self.rows / self.cpu_seconds
        return (
            f"{self.name:<22}{self.deals:>10,}{self.rows:>11,}{self.seconds:>9.1f}"
            f"{self.cpu_seconds:>9.1f}{rate:>11,.0f}{self.peak_mb:>9,.0f}"
        )


HEAD = f"{'':<22}{'deals':>10}{'rows':>11}{'s':>9}{'CPU s':>9}{'rows/CPU s':>11}{'peak MB':>9}"
CHECK = """SELECT count(*), count(stage), sum(days_in_stage), sum(activity_count_30),
    sum(push_count), sum(owner_win_rate) FROM made"""


def closecurve(folder: Path, columns: tuple[str, ...] | None, weeks: slice) -> tuple[float, ...]:
    """Snapshots with Closecurve, put into a table of the engine; rows and sums."""
    from closecurve.features.engines import duckdb_engine

    engine = duckdb_engine(threads=THREADS)
    engine.create_table("made", _snapshots(engine, folder, columns, weeks), temp=True)
    return engine.con.execute(CHECK).fetchone()


def ask_of_nothing(folder: Path, columns: tuple[str, ...] | None) -> None:
    """The same question of the history without its rows, so that its SQL is written."""
    from closecurve.features.engines import duckdb_engine

    _snapshots(duckdb_engine(), folder, columns, slice(1), most_rows=0)


def _snapshots(
    engine: Any,
    folder: Path,
    columns: tuple[str, ...] | None,
    weeks: slice,
    most_rows: int | None = None,
) -> Any:
    from large_history import AS_OFS, SELECTION

    from closecurve.crm.tables import HISTORY_TABLES
    from closecurve.features.snapshot import deal_snapshots, open_deals
    from closecurve.features.tables import HistoryTables

    files = {name: str(folder / f"{name}.parquet") for name in HISTORY_TABLES}
    read = {name: engine.read_parquet(file, table_name=name) for name, file in files.items()}
    tables = HistoryTables(**{name: table.limit(most_rows) for name, table in read.items()})
    grain = open_deals(tables, AS_OFS[weeks])
    return deal_snapshots(tables, grain, SELECTION, columns=columns)


def by_hand(folder: Path) -> tuple[float, ...]:
    """The five features as a query by hand."""
    import duckdb
    from large_history import AS_OFS

    engine = duckdb.connect()
    engine.execute(f"SET threads = {THREADS}; SET memory_limit = '4GB'")
    engine.execute(f"SET temp_directory = '{gettempdir()}'")
    query = (HERE / "features_by_hand.sql").read_text().replace("{folder}", str(folder))
    engine.execute(query, {"as_ofs": AS_OFS})
    return engine.execute(CHECK).fetchone()


def with_pandas(folder: Path) -> tuple[float, ...]:
    """The five features in pandas: per as-of, the last known fact of each deal."""
    import pandas as pd
    from large_history import AS_OFS

    deals, changes, acts, owners = (
        pd.read_parquet(folder / f"{name}.parquet")
        for name in ("deals", "deal_changes", "activities", "owners")
    )
    acts = acts[acts["deal_id"].notna()]
    fields = {
        name: rows.sort_values(["event_at", "seq"], kind="stable")
        for name, rows in changes.groupby("field")
    }
    closes = fields["outcome"].set_index("deal_id")
    owner_at_close = _last_known(fields["owner_id"], closes["known_at"])
    closes = closes.assign(owner_id=owner_at_close)
    made = [
        _pandas_week(as_of, deals, fields, closes, acts, owners.set_index("owner_id")["team"])
        for as_of in AS_OFS
    ]
    rows = pd.concat(made, ignore_index=True)
    sums = rows[["days_in_stage", "activity_count_30", "push_count", "owner_win_rate"]].sum()
    return (len(rows), int(rows["stage"].notna().sum()), *sums)


def _last_known(facts: Any, known_by: Any) -> Any:
    """Of each deal the value of the last fact that was known by an instant of its own."""
    limit = facts["deal_id"].map(known_by)
    known = facts[facts["known_at"] <= limit]
    return known.drop_duplicates("deal_id", keep="last").set_index("deal_id")["new_value"]


def _pandas_week(as_of: Any, deals: Any, fields: Any, closes: Any, acts: Any, team_of: Any) -> Any:
    import pandas as pd

    known = {name: rows[rows["known_at"] < as_of] for name, rows in fields.items()}
    gone = known["outcome"]["deal_id"]
    cohort = deals.loc[(deals["known_at"] < as_of) & ~deals["deal_id"].isin(gone), "deal_id"]
    last = {
        name: known[name].drop_duplicates("deal_id", keep="last").set_index("deal_id")
        for name in ("stage", "owner_id")
    }
    held = _held(known["expected_close_date"])
    before = held.groupby("deal_id")["new_value"].shift()
    pushes = held.loc[held["new_value"] > before, "deal_id"].value_counts()
    recent = acts[(acts["known_at"] < as_of) & (acts["event_at"] >= as_of - pd.Timedelta(days=30))]
    counts = recent["deal_id"].value_counts()
    rate = _pandas_rates(closes, team_of, as_of)
    stage = last["stage"].reindex(cohort)
    has_date = cohort.isin(held["deal_id"]).to_numpy()
    return pd.DataFrame(
        {
            "stage": stage["new_value"].to_numpy(),
            "days_in_stage": ((as_of - stage["event_at"]) / pd.Timedelta(days=1)).to_numpy(),
            "activity_count_30": counts.reindex(cohort, fill_value=0).to_numpy(),
            "push_count": pushes.reindex(cohort, fill_value=0).where(has_date).to_numpy(),
            "owner_win_rate": last["owner_id"]["new_value"].reindex(cohort).map(rate).to_numpy(),
        }
    )


def _held(facts: Any) -> Any:
    """The facts that came to hold a value: none further on was known before them."""
    backwards = facts.iloc[::-1]
    deals = backwards["deal_id"]
    later = backwards["known_at"].groupby(deals).cummin().groupby(deals).shift()
    return backwards[later.isna() | (backwards["known_at"] <= later)].iloc[::-1]


def _pandas_rates(closes: Any, team_of: Any, as_of: Any) -> Any:
    """The win rate of each owner in the year before, mixed with the team's and the company's."""
    import pandas as pd

    days = pd.Timedelta(days=365)
    year = closes[(closes["known_at"] < as_of) & (closes["event_at"] >= as_of - days)]
    won = year["new_value"] == "won"
    own = won.groupby(year["owner_id"]).agg(["sum", "size"]).reindex(team_of.index, fill_value=0)
    team = own.groupby(team_of).sum()
    company = own["sum"].sum() / max(own["size"].sum(), 1) if len(year) else float("nan")
    of_team = (team["sum"] + 20 * company) / (team["size"] + 20)
    return (own["sum"] + 20 * team_of.map(of_team)) / (own["size"] + 20)


def with_featuretools(folder: Path) -> tuple[float, ...]:
    """Four of the five features with cutoff times, for the first rows of the panel; the owner's
    rate, which it has no primitive for, is left to it. Only counts are given back."""
    import featuretools
    import pandas as pd

    names = ("deals", "deal_changes", "activities")
    deals, changes, acts = (pd.read_parquet(folder / f"{name}.parquet") for name in names)
    few = deals.head(FEATURETOOLS_ROWS // 7)
    changes = changes[changes["deal_id"].isin(few["deal_id"])].reset_index(names="change_id")
    acts = acts[acts["deal_id"].isin(few["deal_id"])].reset_index(names="activity_id")
    entities = featuretools.EntitySet("sales")
    entities.add_dataframe(few, "deals", index="deal_id", time_index="known_at")
    entities.add_dataframe(changes, "changes", index="change_id", time_index="known_at")
    entities.add_dataframe(acts, "activities", index="activity_id", time_index="known_at")
    entities.add_relationship("deals", "deal_id", "changes", "deal_id")
    entities.add_relationship("deals", "deal_id", "activities", "deal_id")
    weeks = pd.date_range("2024-01-08", periods=104, freq="7D")
    cutoffs = few[["deal_id", "known_at"]].merge(pd.Series(weeks, name="time"), how="cross")
    asked = cutoffs[cutoffs["known_at"] < cutoffs["time"]][["deal_id", "time"]]
    rows = asked.head(FEATURETOOLS_ROWS)
    made, _ = featuretools.dfs(
        entityset=entities,
        target_dataframe_name="deals",
        cutoff_time=rows,
        agg_primitives=["last", "count", "time_since_last"],
        trans_primitives=[],
        max_depth=1,
    )
    return (float(len(made)),)


RUNS: dict[str, Callable[[Path], tuple[float, ...]]] = {
    "five, first asked": lambda folder: closecurve(folder, FIVE, slice(None)),
    "five": lambda folder: closecurve(folder, FIVE, slice(None)),
    "full": lambda folder: closecurve(folder, None, slice(None)),
    "full, one as-of": lambda folder: closecurve(folder, None, slice(60, 61)),
    "five by hand": by_hand,
    "five, pandas": with_pandas,
    "featuretools": with_featuretools,
}


ASKED_BEFORE = {"five": FIVE, "full": None, "full, one as-of": None}
LIBRARIES = {"featuretools": "featuretools", "five, pandas": "pandas", "five by hand": "duckdb"}


def measured_here(name: str, folder: Path, deals: int) -> Measured:
    """Runs one in this process; importing the libraries is not counted."""
    __import__(LIBRARIES.get(name, "closecurve.features.snapshot"))
    if name in ASKED_BEFORE:
        ask_of_nothing(folder, ASKED_BEFORE[name])
    started, cpu = time.perf_counter(), time.process_time()
    check = tuple(float(value) for value in RUNS[name](folder))
    return Measured(
        name=name,
        deals=deals,
        rows=int(check[0]),
        seconds=time.perf_counter() - started,
        cpu_seconds=time.process_time() - cpu,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        check=check,
    )


def measured(name: str, folder: Path, deals: int, python: str = sys.executable) -> Measured:
    """The same in a process of its own."""
    command = [python, __file__, "--run", name, "--folder", str(folder), "--deals", str(deals)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    one = Measured(**found | {"check": tuple(found["check"])})
    print(one.line(), flush=True)
    return one


def report(runs: dict[tuple[str, int], Measured], deals: int) -> list[str]:
    """Prints the ratios; gives the goals that were missed."""
    names = ("five", "five, first asked", "full", "five by hand")
    five, first, full, hand = (runs[name, deals] for name in names)
    smallest = min(size for _, size in runs)
    ratios = {
        "five": five.cpu_seconds / hand.cpu_seconds,
        "five, first asked": first.cpu_seconds / hand.cpu_seconds,
        "full": full.cpu_seconds / hand.cpu_seconds,
        "memory": max(run.peak_mb for run in (five, full)),
        "line": full.cpu_per_row / runs["full", smallest].cpu_per_row,
    }
    for name, value in ratios.items():
        print(f"{name}: {value:,.2f}, goal at most {GOALS[name]:,}")
    missed = [name for name, value in ratios.items() if value > GOALS[name]]
    for (name, size), run in runs.items():
        if name == "featuretools":
            gain = run.cpu_per_row / runs["full", size].cpu_per_row
            print(f"featuretools: {gain:,.0f} times the full set for each row, goal at least 20")
            missed += [name] if gain < GOALS[name] else []
        elif name.startswith("five,") or name == "five by hand":
            same = zip(run.check, runs["five", size].check, strict=True)
            if not all(math.isclose(a, b, rel_tol=1e-9) for a, b in same):
                print(f"{name}: {run.check}, Closecurve {runs['five', size].check}")
                missed.append(f"{name}: other answers")
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--deals", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path(gettempdir()) / "closecurve-features")
    parser.add_argument("--featuretools", metavar="PYTHON")
    parser.add_argument("--run", choices=[*RUNS], help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.run:
        print(json.dumps(asdict(measured_here(asked.run, asked.folder, asked.deals))))
        return 0
    return compare(asked.folder, asked.deals, asked.featuretools)


def compare(folder: Path, deals: int, featuretools: str | None) -> int:
    """Everything, at every size up to `deals`."""
    from large_history import write_history

    runs: dict[tuple[str, int], Measured] = {}
    print(HEAD)
    sizes = sorted({size for size in (10_000, 100_000) if size < deals} | {deals})
    for size in sizes:
        place = folder / str(size)
        write_history(place, size)
        names = ["five by hand", "five", "five, first asked", "full", "full, one as-of"]
        names += ["five, pandas"] if size <= PANDAS_DEALS else []
        runs |= {(name, size): measured(name, place, size) for name in names}
    if featuretools is None:
        print("featuretools: left out, --featuretools names the Python that has it")
    else:
        run = measured("featuretools", folder / str(sizes[0]), sizes[0], featuretools)
        runs["featuretools", sizes[0]] = run
    missed = report(runs, deals)
    print("goals missed: " + ", ".join(missed) if missed else "every goal is met")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
