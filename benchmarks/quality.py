"""Closecurve beside its peers on real data: same rows, same features, one run.

    make benchmarks-setup
    .venv-benchmarks/bin/python benchmarks/quality.py --data bpic2012 --peers lightgbm,catboost

Each data set is imported by its example's settings, cut in time, learned by the product's own path
and asked after the cut. Exits 1 where a goal is missed, 2 for a name that is not known. Seconds are
those of one core, so that a busy machine does not change them much. README.md says more.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from quality_data import DATA_SETS, Case, DataSet, opened
from quality_peers import PEERS, Peer, PerHorizon, peers_of
from quality_scores import CLOSECURVE, TRUTH, Goal, Result, as_json, goals_of, label, table_of

from closecurve.crm.demo import DemoCompany
from closecurve.models.held_back import Curves, answers, integrated_brier

INTEGRATED_DAYS = 30


def run(data: DataSet, peers: Sequence[str]) -> tuple[pd.DataFrame, list[Goal], dict[str, Any]]:
    """The table of one data set, its goals, and both for machines."""
    with opened(data) as case:
        print(_heading(case), flush=True)
        results = dict(_results(case, peers))
        table = table_of(case, results)
        goals = goals_of(case, table)
        return table, goals, as_json(case, table, goals)


def _results(case: Case, peers: Sequence[str]) -> Iterator[tuple[str, Result]]:
    trained = case.fitted.curve(case.data.subject)
    if trained is None:
        raise SystemExit(f"{case.data.name} has nothing to learn from")
    yield CLOSECURVE, _scored(case, trained.model, case.train_seconds)
    if case.company is not None:
        yield TRUTH, _truth(case, case.company)
    for name, peer in peers_of(case, peers).items():
        started = time.process_time()
        peer.fit(case.learned.rows, case.learned.labels)
        seconds = time.process_time() - started
        result = _scored(case, peer, seconds)
        said = f"learned in {seconds:.1f} s, log loss {result.answers.log_loss:.4f}"
        print(f"  {name}: {said}", file=sys.stderr, flush=True)
        yield name, result


def _scored(case: Case, model: Curves | Peer, train_seconds: float) -> Result:
    """The answers of a model that has learned, and the Brier score of its curve, if it has one."""
    horizons = case.data.horizons
    started = time.process_time()
    cif = model.predict_cumulative_incidence(case.asked.rows, list(horizons))
    seconds = time.process_time() - started
    is_curve = case.by == "stage" and not isinstance(model, PerHorizon)
    return Result(
        answers=answers(case.questions, cif, horizons),
        train_seconds=train_seconds,
        score_seconds=seconds,
        integrated_brier=integrated_brier(model, case.asked, case.until, INTEGRATED_DAYS)
        if is_curve
        else None,
    )


def _truth(case: Case, company: DemoCompany) -> Result:
    """What the demo company's own chances would have scored: no model can be better but by luck."""
    rows, horizons = case.asked.rows, case.data.horizons
    cif = company.true_deal_incidence(rows["deal_id"], rows["as_of"], horizons)
    return Result(
        answers=answers(case.questions, cif, horizons),
        train_seconds=0.0,
        score_seconds=0.0,
        integrated_brier=None,
    )


def _heading(case: Case) -> str:
    trained = case.fitted.curve(case.data.subject)
    asked = ", ".join(f"{label(q)} {q.outcome.mean():.3f}" for q in case.questions)
    return (
        f"\n## {case.data.name}: {len(case.learned)} rows learned before {case.cutoff.date()}, "
        f"{len(case.asked)} asked; {len(case.kinds)} features\n"
        f"observed: {asked}\n"
        f"Closecurve: {trained.report['finding'] if trained else ''} "
        f"All of its fit, features too: {case.fit_seconds:.1f} s."
    )


def _shown(table: pd.DataFrame) -> str:
    digits = {name: 1 for name in ("train_s", "score_s", "train_ratio")}
    return table.round({name: digits.get(str(name), 4) for name in table}).to_string()


def _names(text: str, known: Sequence[str], what: str) -> list[str]:
    wanted = text.split(",")
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"{what} is one of {', '.join(known)}, got {', '.join(unknown)}", file=sys.stderr)
        raise SystemExit(2)
    return wanted


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    names = ",".join(data.name for data in DATA_SETS)
    parser.add_argument("--data", default=names, help=f"of {names}; default all")
    parser.add_argument("--peers", default=",".join(PEERS), help=f"of {','.join(PEERS)}")
    parser.add_argument("--json", type=Path, help="file for all figures")
    return parser.parse_args()


def main() -> int:
    # One core for all: threads that wait for each other would count as work.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    given = _arguments()
    chosen = _names(given.data, [data.name for data in DATA_SETS], "--data")
    peers = _names(given.peers, list(PEERS), "--peers")
    found, missed = {}, []
    for data in (data for data in DATA_SETS if data.name in chosen):
        if not data.is_here():
            print(f"\n## {data.name}: left out, its files are not here (CLOSECURVE_DATA)")
            continue
        table, goals, found[data.name] = run(data, peers)
        print(_shown(table))
        for goal in goals:
            verdict = "met" if goal.is_met else "MISSED"
            print(f"{verdict:7}{goal.name}: {goal.measured:.4f}, wanted {goal.wanted}")
        missed += [f"{data.name}: {goal.name}" for goal in goals if not goal.is_met]
        if given.json:
            given.json.write_text(json.dumps(found, indent=2), encoding="utf-8")
    print("\nall goals met" if not missed else f"\nmissed: {'; '.join(missed)}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
