"""Speed and faithfulness of scoring, on the demo company.

    .venv/bin/python benchmarks/scoring.py --deals 3000 --open 100000

Takes a demo company the whole way (or a home that was, with --home), then prints
- a posted deal with curve and reasons, in process: median and 99th percentile in milliseconds,
  and the median of processor time, which other work on the machine changes less;
- curves, dates and reasons of many open deals: seconds, processor seconds, and the peak memory of
  that process;
- faithfulness: the share of open deals whose probability falls when the group that raises it most
  is put at its cohort's typical values.
Exits 1 where a bound is missed: 10 ms, 60 s and 4 GB, 95 %.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from closecurve.crm.demo import simulate
from closecurve.features.subjects import DEAL
from closecurve.models.explanation.explainer import Explainer
from closecurve.models.explanation.words import Wording
from closecurve.models.reading import read_curves
from closecurve.pipelines.bundling import Bundle
from closecurve.pipelines.panels import open_rows, snapshots
from closecurve.pipelines.steps import import_history, publish_scores, train_models
from closecurve.pipelines.training import the_champion
from closecurve.pipelines.workspace import CONFIG_NAME, Workspace
from closecurve.serving.live import Scorers
from closecurve.serving.schemas.deals import DealToScore

MOST_MILLISECONDS, MOST_SECONDS, MOST_GIGABYTES, LEAST_FAITHFUL = 10.0, 60.0, 4.0, 0.95
POSTED = 300
JITTER = 0.2
SHARES = (0.1, 0.5, 0.9)


def make_home(folder: Path, deals: int, seed: int) -> None:
    """Import, train and publish a demo company in a folder."""
    simulate(deals=deals, seed=seed).write_export(folder)
    workspace = Workspace.open(folder / "home", folder / CONFIG_NAME)
    import_history(workspace)
    train_models(workspace)
    publish_scores(workspace)


def opened(folder: Path) -> Workspace:
    """The workspace of such a folder."""
    return Workspace.open(folder / "home", folder / CONFIG_NAME).quiet()


def bundle_of(workspace: Workspace) -> Bundle:
    """The champion's bundle."""
    champion = the_champion(workspace)
    assert champion is not None
    return champion.bundle


def cohort_of(workspace: Workspace, bundle: Bundle) -> pd.DataFrame:
    """The snapshots of the deals open at the end of the data."""
    tables, as_of = workspace.history().tables(), workspace.data_end()
    return snapshots(tables, DEAL, open_rows(tables, DEAL, [as_of]), bundle.selection)


def many(cohort: pd.DataFrame, rows: int) -> pd.DataFrame:
    """So many deals, drawn from the cohort; every number moved by a fifth either way."""
    random = np.random.default_rng(5)
    drawn = cohort.iloc[random.integers(0, len(cohort), rows)].reset_index(drop=True)
    numbers = list(drawn.select_dtypes("float64").columns)
    drawn[numbers] *= random.uniform(1 - JITTER, 1 + JITTER, (rows, len(numbers)))
    return drawn


def score_many(folder: Path, rows: int) -> tuple[float, float, float]:
    """Seconds, processor seconds, and the peak memory of this process in gigabytes."""
    workspace = opened(folder)
    bundle = bundle_of(workspace)
    deals = many(cohort_of(workspace, bundle), rows)
    started, cpu = time.perf_counter(), time.process_time()
    seen, as_of = bundle.deal.rows(deals), deals["as_of"].iloc[0]
    read = read_curves(bundle.deal, seen, as_of, workspace.settings.calendar)
    read.dates_passed(SHARES)
    curves = read.curves()
    explainer = Explainer(bundle.deal, bundle.cohorts[DEAL.name])
    told = [each.to_json() for each in explainer.explain(deals, rows=seen) if each]
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    assert len(told) == len(curves) == rows
    return seconds, cpu_seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def posted_deals(workspace: Workspace) -> list[DealToScore]:
    """Open deals of the history as somebody would post them, with their changes and activities."""
    head = workspace.results.latest()
    assert head is not None
    page = workspace.results.deals(head.publication_id, limit=100)
    tables = workspace.history().tables()
    ids = [row["deal_id"] for row in page.rows]
    changes, talks = (
        table.filter(table.deal_id.isin(ids)).execute().groupby("deal_id")
        for table in (tables.deal_changes, tables.activities)
    )
    return [
        posted_deal(row, head.as_of, *(_of(group, row["deal_id"]) for group in (changes, talks)))
        for row in page.rows
    ]


def posted_deal(
    row: dict[str, Any], as_of: pd.Timestamp, changes: pd.DataFrame, talks: pd.DataFrame
) -> DealToScore:
    """One of them."""
    known = changes[(changes["known_at"] < as_of) & (changes["field"] == "stage")]
    moves = known.sort_values("event_at").iloc[1:]
    return DealToScore.model_validate(
        {
            "created_at": _written(row["created_at"]),
            "as_of": _written(as_of),
            **{name: row[name] for name in ("stage", "amount", "currency", "owner_id")},
            "account_id": row["account_id"],
            "changes": [
                {"field": "stage", "event_at": _written(at), "new_value": value}
                for at, value in zip(moves["event_at"], moves["new_value"], strict=True)
            ],
            "activities": [
                {"kind": kind, "event_at": _written(at)}
                for kind, at in zip(talks["kind"], talks["event_at"], strict=True)
            ],
        }
    )


def _of(groups: Any, deal_id: str) -> pd.DataFrame:
    found: pd.DataFrame = groups.obj[groups.obj["deal_id"] == deal_id]
    return found


def _written(at: pd.Timestamp) -> str:
    return f"{pd.Timestamp(at).isoformat()}Z"


def posted_milliseconds(workspace: Workspace) -> tuple[np.ndarray, np.ndarray]:
    """How long each of some posted deals took, and its processor time; the first, which opens the
    model, left out."""
    scorers = Scorers(results=workspace.results, bundles_dir=workspace.bundles_dir)
    head = workspace.results.latest()
    assert head is not None
    deals, words = posted_deals(workspace), Wording()
    scorers.score_deal(head, deals[0], head.as_of, words)
    took, worked = [], []
    for place in range(POSTED):
        # A second on, as the next request would be: nothing is kept from the last as-of.
        as_of = head.as_of.tz_localize("UTC") - pd.Timedelta(seconds=place)
        at = {"as_of": as_of.to_pydatetime()}
        deal = deals[place % len(deals)].model_copy(update=at)
        started, cpu = time.perf_counter(), time.thread_time()
        scorers.score_deal(head, deal, head.as_of, words)
        took.append((time.perf_counter() - started) * 1e3)
        worked.append((time.thread_time() - cpu) * 1e3)
    return np.array(took), np.array(worked)


def faithful_share(workspace: Workspace) -> tuple[float, int]:
    """The share of deals whose probability falls, and how many have a raising group."""
    bundle = bundle_of(workspace)
    curve, cohort = bundle.deal, bundle.cohorts[DEAL.name]
    deals = cohort_of(workspace, bundle)
    found = [each for each in Explainer(curve, cohort).explain(deals) if each]
    tops = [max(each.contributions, key=lambda group: each.contributions[group]) for each in found]
    typical = cohort.rows().loc[cohort.keys(deals)].set_index(deals.index)
    moved = deals.copy()
    for group, columns in cohort.groups.items():
        is_top = np.array([top == group for top in tops])
        for column in columns:
            moved[column] = moved[column].where(~is_top, typical[column])
    now, then = (curve.predict_cumulative_incidence(X, [np.inf])[:, 1, 0] for X in (deals, moved))
    raised = np.array([each.contributions[top] > 0 for each, top in zip(found, tops, strict=True)])
    return float((then < now)[raised].mean()), int(raised.sum())


def report(folder: Path, rows: int) -> bool:
    """Print all figures; whether each is within its bound."""
    workspace = opened(folder)
    took, worked = posted_milliseconds(workspace)
    median, late = np.quantile(took, (0.5, 0.99))
    print(
        f"posted deal, in process: p50 {median:.1f} ms, p99 {late:.1f} ms,"
        f" processor time p50 {np.median(worked):.1f} ms ({len(took)} deals)"
    )
    share, count = faithful_share(workspace)
    print(f"faithful: {share:.1%} of {count} open deals")
    # A process of its own, whose peak memory is that of scoring alone.
    asked = [sys.executable, __file__, "--folder", str(folder), "--open", str(rows), "--only-many"]
    said = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    seconds, cpu_seconds, memory = map(float, said.split())
    print(
        f"{rows:,} open deals: {seconds:.1f} s, processor time {cpu_seconds:.1f} s,"
        f" peak memory {memory:.2f} GB"
    )
    return bool(
        median < MOST_MILLISECONDS
        and seconds < MOST_SECONDS
        and memory < MOST_GIGABYTES
        and share >= LEAST_FAITHFUL
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deals", type=int, default=3_000)
    parser.add_argument("--open", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="made by an earlier run; made here if empty")
    parser.add_argument("--only-many", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only_many:
        print(*score_many(arguments.folder, arguments.open))
        return 0
    with TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        if not (folder / "home").is_dir():
            make_home(folder, arguments.deals, arguments.seed)
        return int(not report(folder, arguments.open))


if __name__ == "__main__":
    sys.exit(main())
