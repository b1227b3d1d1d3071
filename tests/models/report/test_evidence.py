"""What held-back landmarks say: by segment, by month, with fewer closes, against a random split."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.models.close_curve import CloseCurve
from closecurve.models.held_back import Part, known_before, landmarks_from, questions
from closecurve.models.report.evidence import (
    Asked,
    ask,
    by_month,
    by_segment,
    learning_curve,
    split_gap,
)

N = 1200


@pytest.fixture(scope="module")
def asked() -> Asked:
    """Right by team North, twice too high by team South, with a month in which it is blind."""
    rng = np.random.default_rng(5)
    truth = rng.uniform(0.05, 0.45, N)
    team = np.where(np.arange(N) % 2 == 0, "North", "South")
    as_of = pd.Timestamp("2026-01-15") + pd.to_timedelta((np.arange(N) // 400) * 31, unit="D")
    blind = as_of.month == 2
    said = np.where(blind, 0.25, np.where(team == "South", 2 * truth, truth))
    rows = pd.DataFrame(
        {
            "deal_id": [f"d{i}" for i in range(N)],
            "as_of": as_of,
            "team": team,
            "amount_company": np.where(np.arange(N) % 10 == 0, np.nan, rng.lognormal(9, 1, N)),
        }
    )
    outcome = (rng.random(N) < truth).astype(float)
    return Asked(rows=rows, horizon_days=30.0, outcome=outcome, said=said)


def test_a_segment_that_is_off_is_marked(asked: Asked) -> None:
    rows = {(row["segment"], row["value"]): row for row in by_segment(asked)}
    assert rows["team", "South"]["is_off"]
    assert not rows["team", "North"]["is_off"]
    assert rows["team", "North"]["count"] == rows["team", "North"]["records"] == N // 2
    bands = [value for segment, value in rows if segment == "size band"]
    assert set(bands) == {"smallest third", "middle third", "largest third", "(none)"}


def test_landmarks_of_one_record_widen_the_interval(asked: Asked) -> None:
    once = by_segment(asked)[0]
    shared = asked.rows.assign(deal_id=[f"d{i // 12}" for i in range(N)])
    again = by_segment(
        Asked(rows=shared, horizon_days=30.0, outcome=asked.outcome, said=asked.said)
    )[0]
    widths = [row["observed_high"] - row["observed_low"] for row in (once, again)]
    assert widths[1] > 1.5 * widths[0]


def test_a_month_without_discrimination_stands_out(asked: Asked) -> None:
    found = {row["month"]: row["auc"] for row in by_month(asked)}
    assert list(found) == ["2026-01", "2026-02", "2026-03"]
    assert found["2026-02"] == 0.5
    assert min(found["2026-01"], found["2026-03"]) > 0.55


def test_more_closes_and_a_random_split_on_a_made_company(company: Any) -> None:
    whole = Part(rows=company.rows, labels=company.labels)
    as_ofs = whole.rows["as_of"]
    start, cutoff = (
        pd.Timestamp(as_ofs.sort_values().iloc[int(0.6 * len(as_ofs))]),
        as_ofs.max() + pd.Timedelta(days=1),
    )
    learned, held = known_before(whole, start), landmarks_from(whole, start)
    model = CloseCurve(seeds=1, rounds=15, min_rows=20)
    fitted = model.fit(learned.rows, learned.labels)
    asked = ask(fitted, held, cutoff, [7.0, 14.0])
    assert asked is not None
    question = next(q for q in questions(held, cutoff, [asked.horizon_days]) if q.name == "won")
    curve = learning_curve(model, learned, held, question, {"stage_curves": fitted.stage_curves_})
    closes = [row["closes"] for row in curve]
    assert closes == sorted(set(closes))
    assert curve[-1]["model"] == pytest.approx(asked.loss(), abs=1e-9)
    assert all(row["stage_curves"] > 0 for row in curve)
    gap = split_gap(model, whole, cutoff, asked)
    assert gap["by_time"]["skill"] < 1
    assert 0 <= gap["at_random"]["auc"] <= 1
    assert ask(fitted, held.where(np.zeros(len(held), dtype=bool)), cutoff, [7.0]) is None
