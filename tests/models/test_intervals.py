"""How sure a probability is: intervals that hold what they say and narrow with closes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.errors import UsageError
from closecurve.models.close_curve import CloseCurve
from closecurve.models.close_curve.rows import CurveRows
from closecurve.models.held_back import Part, known_before
from closecurve.models.intervals import (
    Uncertainty,
    learn_uncertainty,
    read_uncertainty,
    write_uncertainty,
)

EARLIER = pd.Timestamp("2024-09-20")
UNJUDGED: dict[str, Any] = {"scores": {}}


def earlier_of(company: Any) -> CloseCurve:
    """The curve learned from what was known some months before the end."""
    known = known_before(Part(rows=company.rows, labels=company.labels), EARLIER)
    return CloseCurve(seeds=1).fit(known.rows, known.labels)


def rows_in(codes: list[int]) -> CurveRows:
    """Deals in stages of these codes."""
    every = np.array([[0, code, 0] for code in codes])
    return CurveRows(features=np.empty((len(codes), 0), dtype=np.float32), codes=every)


@pytest.fixture(scope="module")
def learned(simulated: Callable[..., Any], company: Any, curve: CloseCurve) -> dict[int, Any]:
    """By deals: the curve and the uncertainty of a small company and of a larger one."""
    small = simulated(40, seed=3)
    few = CloseCurve(seeds=1).fit(small.rows, small.labels)
    return {
        len(set(of.rows["deal_id"])): (
            model,
            learn_uncertainty(model, earlier_of(of), of.rows, of.labels, UNJUDGED),
        )
        for of, model in ((small, few), (company, curve))
    }


def test_intervals_hold_the_truth_as_often_as_they_say_and_narrow(
    simulated: Callable[..., Any], learned: dict[int, Any]
) -> None:
    asked = simulated(400, seed=99)
    truth, widths = asked.true_win(np.inf), []
    for _, (model, uncertainty) in sorted(learned.items()):
        said = model.predict_cumulative_incidence(asked.rows, [np.inf])[:, 1, 0]
        low, high = uncertainty.bounds(said, model.rows(asked.rows))
        assert 0.7 <= ((low <= truth) & (truth <= high)).mean() <= 0.95
        widths.append(float((high - low).mean()))
    few, many = widths
    assert few > 0.5
    assert many < 0.7 * few


def test_a_stage_with_more_closes_has_narrower_intervals() -> None:
    uncertainty = Uncertainty(spread=0.1, calibration=0.0, closes=(0, 10, 1000))
    low, high = uncertainty.bounds(np.full(3, 0.3), rows_in([0, 1, 2]))
    assert (np.diff(high - low) < 0).all()


def test_an_interval_lies_in_0_to_1_around_its_probability() -> None:
    p = np.array([0.0, 1e-7, 0.2, 0.999, 1.0])
    low, high = Uncertainty(spread=1.0, calibration=0.5, closes=(5,)).bounds(p, rows_in([0] * 5))
    assert (low >= 0).all()
    assert (low <= p).all()
    assert (p <= high).all()
    assert (high <= 1).all()


def test_an_error_on_held_back_time_widens(company: Any, curve: CloseCurve) -> None:
    def calibration(error: float) -> float:
        row = {"horizon_days": 90.0, "outcome": "won", "observed_rate": 0.3}
        scores = [row | {"calibration_error": error, "calibration_luck": 0.02}]
        report = {"scores": {"model": scores}}
        found = learn_uncertainty(curve, None, company.rows, company.labels, report)
        return found.calibration

    assert calibration(0.02) == 0
    assert calibration(0.05) == pytest.approx((0.05**2 - 0.02**2) / 0.21**2)


def test_without_a_close_the_interval_is_as_wide_as_companies_differ() -> None:
    rows = pd.DataFrame({"stage": pd.Series(dtype="str"), "age_days": pd.Series(dtype="float64")})
    labels = pd.DataFrame({"event": pd.Series(dtype="int64"), "duration_days": []})
    model = CloseCurve().fit(rows, labels)
    found = learn_uncertainty(model, None, rows, labels, UNJUDGED)
    low, high = found.bounds(np.array([0.4]), rows_in([0]))
    assert high[0] - low[0] > 0.5


def test_it_survives_its_file_and_an_older_bundle_has_none(tmp_path: Path) -> None:
    uncertainty = Uncertainty(spread=0.25, calibration=0.125, closes=(0, 3))
    write_uncertainty(tmp_path / "intervals.json", uncertainty)
    assert read_uncertainty(tmp_path / "intervals.json") == uncertainty
    assert read_uncertainty(tmp_path / "none.json") is None


@pytest.mark.parametrize("change", [{"spread": -0.1}, {"spread": np.nan}, {"calibration": -1.0}])
def test_a_variance_is_0_or_more(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        replace(Uncertainty(spread=0.1, calibration=0.0, closes=(0,)), **change)
    assert caught.value.code == "interval-variance"
