"""Drift: found where there is one, silent on chance, the same from what was kept."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from closecurve.models.report.drift import (
    drifts,
    read_reference,
    reference_of,
    stability_index,
    write_reference,
)

KINDS = {"amount": "number", "stage": "category", "never": "number"}


def rows(seed: int, n: int, shift: float = 0.0, late: float = 0.3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    amount = rng.normal(shift, 1, n)
    amount[: n // 10] = np.nan
    stage = rng.choice(["early", "late"], n, p=[1 - late, late])
    return pd.DataFrame({"amount": amount, "stage": stage, "never": np.nan})


def test_the_index_by_hand() -> None:
    then, now = np.array([99.5, 49.5]), np.array([49.5, 99.5])
    expected = 2 * (100 / 150 - 50 / 150) * np.log(2)
    assert stability_index(then, now) == pytest.approx(expected)
    assert stability_index(now, then) == pytest.approx(expected)


def test_a_shift_is_found_and_an_equal_sample_is_not() -> None:
    reference = reference_of(rows(1, 4000), KINDS)
    same = drifts(reference, rows(2, 400))
    assert [row.feature for row in same if row.is_finding] == []
    moved = drifts(reference, rows(2, 400, shift=1.0, late=0.8))
    assert {row.feature for row in moved if row.is_finding} == {"amount", "stage"}
    sizes = [row.stability_index for row in moved]
    assert sizes == sorted(sizes, reverse=True)


def test_chance_marks_hardly_a_feature_however_small_the_cohort() -> None:
    reference = reference_of(rows(1, 4000), KINDS)
    found = [row.is_finding for seed in range(40) for row in drifts(reference, rows(seed, 40))]
    assert sum(found) <= 2


def test_the_distance_is_that_of_scipy_and_only_of_numbers() -> None:
    then, now = rows(1, 500), rows(2, 200, shift=0.5)
    found = {row.feature: row for row in drifts(reference_of(then, KINDS), now, then)}
    expected = ks_2samp(then["amount"].dropna(), now["amount"].dropna()).statistic
    assert found["amount"].distance == pytest.approx(expected)
    assert found["stage"].distance is None
    assert found["never"].distance is None
    assert found["amount"].absent_then == pytest.approx(0.1)


def test_the_calendar_is_no_drift() -> None:
    then = rows(1, 500).assign(fiscal_quarter=1.0)
    assert "fiscal_quarter" not in reference_of(then, KINDS | {"fiscal_quarter": "number"})


def test_what_was_kept_gives_the_same(tmp_path: Path) -> None:
    reference = reference_of(rows(1, 500), KINDS)
    write_reference(tmp_path / "reference.json", reference)
    kept = read_reference(tmp_path / "reference.json")
    now = rows(2, 100, shift=0.4).assign(stage="unheard of")
    assert drifts(kept, now) == drifts(reference, now)
    assert read_reference(tmp_path / "none.json") == {}
    assert drifts(kept, now[:0]) == []
    assert drifts({}, now) == []
