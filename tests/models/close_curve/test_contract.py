"""The close curve as an estimator: scikit-learn's checks, and the conventions of incidence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.utils import Tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from closecurve.crm.errors import UsageError
from closecurve.models.close_curve import CloseCurve

SMALL: dict[str, Any] = {"rounds": 3, "seeds": 1, "min_rows": 5}


class OfArrays(CloseCurve):
    """The close curve behind arrays, as the checks have no snapshots and no labels.

    Columns become features, classes become won and lost, the first column says when.
    """

    def fit(self, X: Any, y: Any) -> Self:
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        labels = {"event": 1 + (np.unique(y, return_inverse=True)[1] % 2)}
        return super().fit(_frame(X), pd.DataFrame(labels | {"duration_days": _days(X)}))

    def decision_function(self, X: Any) -> np.ndarray:
        """The probability of a win within five days: what the checks compare."""
        check_is_fitted(self, "grid_")
        X = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        cif = self.predict_cumulative_incidence(_frame(X), [5])
        return np.asarray(cif[:, 1, 0], dtype=np.float64)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        return tags


def _frame(X: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(X, columns=[f"column_{place}" for place in range(X.shape[1])])


def _days(X: np.ndarray) -> np.ndarray:
    days: np.ndarray = 1 + np.minimum(np.abs(np.nan_to_num(X[:, 0])), 30)
    return days


EXPECTED_TO_FAIL = {
    "check_dict_unchanged": "the trees, read once for all intervals, are kept for the next answer",
}


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [OfArrays(**SMALL)], expected_failed_checks=lambda _: dict(EXPECTED_TO_FAIL)
)
def test_it_keeps_the_contract_of_estimators(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def fitted_on(company: Any, order: Any = slice(None), **changed: Any) -> CloseCurve:
    model = CloseCurve(**(SMALL | changed))
    return model.fit(company.rows.iloc[order], company.labels.iloc[order])


@pytest.fixture(scope="module")
def little(simulated: Callable[..., Any]) -> Any:
    return simulated(60, seed=2)


@given(st.randoms(use_true_random=False))
@settings(max_examples=5, deadline=None)
def test_the_order_of_the_rows_changes_nothing(little: Any, random: Any) -> None:
    order = list(range(len(little.rows)))
    random.shuffle(order)
    plain, shuffled = fitted_on(little), fitted_on(little, order)
    said = [it.predict_cumulative_incidence(little.rows, [7, 30]) for it in (plain, shuffled)]
    assert (said[0] == said[1]).all()


@given(
    times=st.lists(st.floats(0, 1e4), min_size=1, max_size=6),
    deals=st.integers(1, 40),
    seed=st.integers(0, 99),
)
@settings(max_examples=15, deadline=None)
def test_incidences_sum_to_one_and_never_fall(
    simulated: Callable[..., Any], times: list[float], deals: int, seed: int
) -> None:
    company = simulated(deals, seed=seed)
    model = fitted_on(company)
    cif = model.predict_cumulative_incidence(simulated(20, seed=1).rows, sorted(times))
    assert cif.shape[1:] == (3, len(times))
    assert cif.sum(axis=1) == pytest.approx(1.0)
    assert cif.min() >= 0
    assert np.diff(cif[:, 1:], axis=2).min(initial=0.0) >= -1e-12


def test_the_same_seed_gives_the_same_files_and_another_seed_others(
    little: Any, tmp_path: Path
) -> None:
    files = []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        fitted_on(little, random_state=seed, column_share=0.3).save(tmp_path / name)
        files.append({it.name: it.read_bytes() for it in sorted((tmp_path / name).iterdir())})
    assert files[0] == files[1]
    assert files[0]["trees_0.txt"] != files[2]["trees_0.txt"]


def test_incidence_is_survival_first_then_each_cause_at_any_times(little: Any) -> None:
    """As hazardous has it: (n, causes + 1, n_times), the times in any order, also one alone."""
    model = fitted_on(little)
    there = model.predict_cumulative_incidence(little.rows, [7, 30, 60])
    back = model.predict_cumulative_incidence(little.rows, [60, 30, 7])
    assert (there == back[:, :, ::-1]).all()
    alone = model.predict_cumulative_incidence(little.rows, 30)
    assert alone.shape == (len(little.rows), 3, 1)
    assert (alone[:, :, 0] == there[:, :, 1]).all()
    assert model.predict_cumulative_incidence(little.rows, 0)[:, 0] == pytest.approx(1.0)
    with pytest.raises(UsageError, match="0 or more"):
        model.predict_cumulative_incidence(little.rows, [-1])


def test_a_clone_is_unfitted_and_fits_to_the_same(little: Any) -> None:
    model = fitted_on(little, few_closes=50.0)
    again = clone(model)
    assert again.get_params() == model.get_params()
    assert not hasattr(again, "grid_")
    assert clone(model).set_params(rounds=7).rounds == 7
    again.fit(little.rows, little.labels)
    said = [it.predict_cumulative_incidence(little.rows, [30]) for it in (model, again)]
    assert (said[0] == said[1]).all()
