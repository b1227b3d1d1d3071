"""How good the curves of deals are after 0, 10, 25, … 1,000 closed deals, beside simpler answers.

    .venv/bin/python benchmarks/learning_curve.py --data demo

A history of n closes is that of a company as old as it takes: of the deals closed before the
cutoff, the n that were made last, and every deal made since the first of them. All sizes are asked
the same rows. Data sets: demo (a simulated company with signal), bpic2012 (real loans; left out
where its files are not here) and noise (a simulated company in which nothing predicts). Exits 1
where Closecurve is worse than the best simpler answer by more than two standard errors.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from learning_companies import COMPANIES, Company

from closecurve.features.selected import FeatureSelection
from closecurve.features.selection import choose
from closecurve.features.subjects import DEAL
from closecurve.features.tables import HistoryTables
from closecurve.models.baselines import FixedStageRate, HistoricalStageRate, StageCurves
from closecurve.models.held_back import (
    FINDING,
    Answers,
    Curves,
    Part,
    Question,
    answers,
    gap_of,
    questions,
)
from closecurve.models.training import TrainedCurve, train_curve
from closecurve.pipelines.fitting import free_cores
from closecurve.pipelines.panels import open_rows, panel_of, training_panel

SIZES = (0, 10, 25, 50, 100, 200, 500, 1_000)
CLOSECURVE = "closecurve"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """The rows that every size is asked, and the columns that every size may use."""

    part: Part
    questions: list[Question]
    selection: FeatureSelection


def asked_of(company: Company) -> Asked:
    """What is asked after the cutoff, with the columns that the whole history offers."""
    tables = HistoryTables.from_frames(company.frames)
    selection = choose(tables, company.cutoff, company_currency=company.currency)
    grain = open_rows(tables, DEAL, list(company.as_ofs))
    panel = panel_of(tables, DEAL, grain, company.until, selection)
    part = Part(rows=panel.rows, labels=panel.labels)
    asked = questions(part, company.until, company.horizons)
    return Asked(part=part, questions=asked, selection=selection)


def with_closes(company: Company, closes: int) -> Company | None:
    """The company as if it had begun just in time for so many closes; None if it has fewer."""
    deals, changes = company.frames["deals"], company.frames["deal_changes"]
    is_end = changes["field"].eq("outcome") & changes["new_value"].isin(["won", "lost"])
    ended = changes.loc[is_end & (changes["known_at"] < company.cutoff), "deal_id"]
    made = deals.loc[deals["deal_id"].isin(ended), "created_at"].sort_values(ascending=False)
    if len(made) < closes:
        return None
    kept = deals["created_at"] >= made.iloc[closes - 1] if closes else ~deals["deal_id"].isin(ended)
    if not closes:
        kept &= deals["created_at"] > made.iloc[0]
    ids = deals.loc[kept, "deal_id"]
    return replace(company, frames=_only(company.frames, ids))


def _only(frames: Mapping[str, pd.DataFrame], ids: pd.Series) -> dict[str, pd.DataFrame]:
    return {
        name: frame[frame["deal_id"].isin(ids)] if "deal_id" in frame else frame
        for name, frame in frames.items()
    }


def learned(company: Company, asked: Asked) -> tuple[dict[str, Curves], TrainedCurve]:
    """Closecurve and the simpler rungs, from what the company knows before the cutoff."""
    tables = HistoryTables.from_frames(company.frames)
    panel = training_panel(tables, DEAL, company.cutoff, asked.selection)
    trained = train_curve(
        panel.rows,
        panel.labels,
        company.cutoff,
        calendar=company.calendar,
        processes=company.processes,
        num_threads=free_cores(),
    )
    rungs: dict[str, Any] = {
        "fixed_stage_rate": FixedStageRate(company.processes),
        "historical_stage_rate": HistoricalStageRate(),
        "stage_curves": StageCurves(company.processes),
    }
    fitted = {name: rung.fit(panel.rows, panel.labels) for name, rung in rungs.items()}
    return {CLOSECURVE: trained.model, **fitted}, trained


def row_of(company: Company, closes: int, asked: Asked) -> dict[str, Any]:
    """The log losses at one size, and the gap to the best simpler rung with its error."""
    models, trained = learned(company, asked)
    said = {
        name: answers(
            asked.questions,
            model.predict_cumulative_incidence(asked.part.rows, list(company.horizons)),
            company.horizons,
        )
        for name, model in models.items()
    }
    return {
        "closes": closes,
        "rows": trained.report["rows"],
        **{name: given.log_loss for name, given in said.items()},
        **_against_best(asked, said),
        "weight": trained.model.trees_weight_,
        "is_better": trained.report["is_better"],
    }


def _against_best(asked: Asked, said: Mapping[str, Answers]) -> dict[str, Any]:
    """`gap` above 0: Closecurve is better than the best of the others."""
    others = {name: given for name, given in said.items() if name != CLOSECURVE}
    best = min(others, key=lambda name: others[name].log_loss)
    gap = gap_of(asked.part, asked.questions, others[best], said[CLOSECURVE])
    return {
        "best_other": best,
        "gap": gap.gap,
        "gap_error": gap.standard_error,
        "is_worse": gap.gap < -FINDING * gap.standard_error,
    }


def curve_of(company: Company, sizes: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """One row for each size that the company reaches."""
    asked = asked_of(company)
    for closes in sizes:
        cut = with_closes(company, closes)
        if cut is not None:
            started = time.process_time()
            yield row_of(cut, closes, asked)
            spent = time.process_time() - started
            print(f"  {closes} closes: {spent:.1f} s", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=",".join(COMPANIES), help=f"of {','.join(COMPANIES)}")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="closes, by comma")
    parser.add_argument("--json", type=Path, help="file for all figures")
    return parser.parse_args()


def _company(name: str, make: Callable[[], Company | None]) -> Company | None:
    company = make()
    if company is None:
        print(f"\n## {name}: left out, its files are not here (CLOSECURVE_DATA)")
    return company


def main() -> int:
    given = _arguments()
    sizes = tuple(int(size) for size in given.sizes.split(","))
    found: dict[str, list[dict[str, Any]]] = {}
    for name in given.data.split(","):
        company = _company(name, COMPANIES[name])
        if company is not None:
            found[name] = list(curve_of(company, sizes))
            table = pd.DataFrame(found[name]).round(4)
            print(f"\n## {name}\n{table.to_string(index=False)}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(found, indent=2, default=str), encoding="utf-8")
    return int(any(row["is_worse"] for rows in found.values() for row in rows))


if __name__ == "__main__":
    sys.exit(main())
