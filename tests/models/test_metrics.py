"""Each score: a table worked by hand, an independent library's number, and an invariant."""

import numpy as np
import pytest
import sklearn.metrics
from scipy.stats import binom, binomtest
from sklearn.calibration import calibration_curve

from closecurve.crm.errors import UsageError
from closecurve.models import metrics

GENERATOR = np.random.default_rng(5)
SAID = np.round(GENERATOR.random(500), 2)
HAPPENED = (GENERATOR.random(500) < SAID).astype(float)


def test_log_loss_by_hand() -> None:
    assert metrics.log_loss([1, 0, 1], [0.5, 0.2, 1.0]) == pytest.approx(
        -(np.log(0.5) + np.log(0.8) + np.log(0.9999)) / 3
    )


def test_log_loss_equals_scikit_learn() -> None:
    clipped = np.clip(SAID, 1e-4, 1 - 1e-4)
    expected = sklearn.metrics.log_loss(HAPPENED, clipped)
    assert metrics.log_loss(HAPPENED, SAID) == pytest.approx(expected)


def test_log_loss_is_least_at_the_observed_rate() -> None:
    rate = HAPPENED.mean()
    losses = [metrics.log_loss(HAPPENED, np.full(500, rate + step)) for step in (-0.05, 0, 0.05)]
    assert losses[1] == min(losses)


def test_brier_score_by_hand() -> None:
    assert metrics.brier_score([1, 0], [0.8, 0.4]) == pytest.approx((0.04 + 0.16) / 2)


def test_brier_score_equals_scikit_learn() -> None:
    expected = sklearn.metrics.brier_score_loss(HAPPENED, SAID)
    assert metrics.brier_score(HAPPENED, SAID) == pytest.approx(expected)


def test_brier_score_is_the_same_for_the_opposite_question() -> None:
    opposite = metrics.brier_score(1 - HAPPENED, 1 - SAID)
    assert metrics.brier_score(HAPPENED, SAID) == pytest.approx(opposite)


def test_auc_by_hand_with_a_tie() -> None:
    assert metrics.auc([1, 0, 1, 0], [0.9, 0.5, 0.5, 0.1]) == pytest.approx(3.5 / 4)


def test_auc_equals_scikit_learn() -> None:
    expected = sklearn.metrics.roc_auc_score(HAPPENED, SAID)
    assert metrics.auc(HAPPENED, SAID) == pytest.approx(expected)


def test_auc_does_not_change_with_a_rising_map() -> None:
    assert metrics.auc(HAPPENED, SAID**3) == pytest.approx(metrics.auc(HAPPENED, SAID))


def test_auc_of_one_kind_is_no_number() -> None:
    assert np.isnan(metrics.auc([1, 1], [0.2, 0.3]))


def test_calibration_error_by_hand() -> None:
    assert metrics.calibration_error([0, 0, 1, 0], [0.1, 0.1, 0.8, 0.8], groups=2) == pytest.approx(
        (0.1 + 0.3) / 2
    )


def test_calibration_error_equals_the_bins_of_scikit_learn() -> None:
    said = GENERATOR.permutation(np.linspace(0.01, 0.99, 500))
    observed, mean = calibration_curve(HAPPENED, said, n_bins=10, strategy="quantile")
    expected = np.abs(observed - mean).mean()
    assert metrics.calibration_error(HAPPENED, said) == pytest.approx(expected)


def test_calibration_error_is_not_under_the_error_in_the_large() -> None:
    whole = abs(metrics.calibration_in_the_large(HAPPENED, SAID**2))
    assert metrics.calibration_error(HAPPENED, SAID**2) >= whole - 1e-12


def test_calibration_in_the_large_by_hand_and_sign() -> None:
    assert metrics.calibration_in_the_large([1, 0], [0.9, 0.5]) == pytest.approx(0.2)
    assert metrics.calibration_in_the_large([1, 1], [0.9, 0.5]) < 0


def test_calibration_in_the_large_is_the_difference_of_numpy_means() -> None:
    expected = np.mean(SAID) - np.mean(HAPPENED)
    assert metrics.calibration_in_the_large(HAPPENED, SAID) == pytest.approx(expected)


def test_luck_of_sure_probabilities_is_zero_and_of_few_rows_is_large() -> None:
    assert metrics.calibration_luck([0.0, 1.0] * 20) == 0
    assert metrics.calibration_luck(np.full(50, 0.5)) > metrics.calibration_luck(np.full(5000, 0.5))


def test_luck_of_one_even_group_is_the_mean_distance_of_a_coin() -> None:
    heads = np.arange(101)
    expected = float((np.abs(heads / 100 - 0.5) * binom.pmf(heads, 100, 0.5)).sum())
    found = metrics.calibration_luck(np.full(100, 0.5), groups=1, simulations=4000)
    assert found == pytest.approx(expected, rel=0.05)


def test_reliability_bins_by_hand() -> None:
    bins = metrics.reliability_bins([0, 1, 1, 1], [0.1, 0.3, 0.7, 0.9], groups=2)
    assert bins["count"].tolist() == [2, 2]
    assert bins["probability"].tolist() == pytest.approx([0.2, 0.8])
    assert bins["observed_rate"].tolist() == [0.5, 1.0]


def test_reliability_bins_equal_scikit_learn() -> None:
    said = GENERATOR.permutation(np.linspace(0.01, 0.99, 500))
    observed, mean = calibration_curve(HAPPENED, said, n_bins=10, strategy="quantile")
    bins = metrics.reliability_bins(HAPPENED, said)
    assert bins["observed_rate"].to_numpy() == pytest.approx(observed)
    assert bins["probability"].to_numpy() == pytest.approx(mean)


def test_reliability_bins_hold_all_rows() -> None:
    bins = metrics.reliability_bins(HAPPENED[:37], SAID[:37])
    assert bins["count"].sum() == 37
    assert (bins["observed_low"] <= bins["observed_rate"]).all()
    assert (bins["observed_rate"] <= bins["observed_high"]).all()


def test_wilson_interval_by_hand() -> None:
    low, high = metrics.wilson_interval([0, 0], [0, 10])
    assert (low[0], high[0]) == (0.0, 1.0)
    z2 = 1.959963984540054**2
    assert high[1] == pytest.approx(z2 / (10 + z2))


def test_wilson_interval_equals_scipy() -> None:
    expected = binomtest(7, 25).proportion_ci(0.95, "wilson")
    low, high = metrics.wilson_interval([7], [25])
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high))


def test_wilson_interval_narrows_with_more_cases() -> None:
    low, high = metrics.wilson_interval([3, 30, 300], [10, 100, 1000])
    assert (np.diff(high - low) < 0).all()


def test_pinball_loss_by_hand() -> None:
    assert metrics.pinball_loss([10, 10], [8, 13], 0.9) == pytest.approx((1.8 + 0.3) / 2)


def test_pinball_loss_equals_scikit_learn() -> None:
    actual, said = GENERATOR.normal(size=50), GENERATOR.normal(size=50)
    expected = sklearn.metrics.mean_pinball_loss(actual, said, alpha=0.3)
    assert metrics.pinball_loss(actual, said, 0.3) == pytest.approx(expected)


def test_pinball_loss_is_least_at_the_quantile() -> None:
    actual = GENERATOR.normal(size=2000)
    losses = [
        metrics.pinball_loss(actual, np.full(2000, np.quantile(actual, level)), 0.8)
        for level in (0.7, 0.8, 0.9)
    ]
    assert losses[1] == min(losses)


def test_crps_by_hand() -> None:
    assert metrics.crps([1.0], [[0.0, 2.0]]) == pytest.approx(1 - 0.5)


def test_crps_of_a_normal_comes_near_its_closed_form() -> None:
    """Gneiting and Raftery (2007): at the mean, sigma x (sqrt(2) - 1) / sqrt(pi)."""
    draws = GENERATOR.normal(size=(1, 200_000))
    assert metrics.crps([0.0], draws) == pytest.approx((np.sqrt(2) - 1) / np.sqrt(np.pi), abs=0.005)


def test_crps_equals_the_mean_over_all_pairs() -> None:
    draws, actual = GENERATOR.normal(size=(3, 7)), GENERATOR.normal(size=3)
    pairs = np.abs(draws[:, :, None] - draws[:, None, :]).mean(axis=(1, 2))
    expected = (np.abs(draws - actual[:, None]).mean(axis=1) - pairs / 2).mean()
    assert metrics.crps(actual, draws) == pytest.approx(expected)


def test_crps_of_one_draw_is_the_absolute_error() -> None:
    assert metrics.crps([3.0, 1.0], [[5.0], [0.0]]) == pytest.approx(1.5)


def test_coverage_by_hand_counts_the_bounds() -> None:
    assert metrics.coverage([1, 2, 3, 4], [1, 3, 0, 0], [1, 4, 3, 3]) == 0.5


def test_coverage_of_numpys_own_quantiles_is_their_level() -> None:
    actual = GENERATOR.normal(size=4000)
    low, high = np.quantile(actual, (0.1, 0.9))
    found = metrics.coverage(actual, np.full(4000, low), np.full(4000, high))
    assert found == pytest.approx(0.8, abs=0.001)


def test_coverage_does_not_fall_with_a_wider_interval() -> None:
    actual = GENERATOR.normal(size=100)
    found = [metrics.coverage(actual, np.full(100, -w), np.full(100, w)) for w in (0.5, 1, 2)]
    assert found == sorted(found)


def test_wape_by_hand() -> None:
    assert metrics.wape([100, 0, 300], [90, 30, 310]) == pytest.approx(50 / 400)
    assert np.isnan(metrics.wape([0, 0], [1, 1]))


def test_wape_equals_the_ratio_of_scikit_learns_errors() -> None:
    actual, said = GENERATOR.random(60) + 1, GENERATOR.random(60) + 1
    expected = sklearn.metrics.mean_absolute_error(actual, said) / actual.mean()
    assert metrics.wape(actual, said) == pytest.approx(expected)


def test_wape_does_not_depend_on_the_currency() -> None:
    actual, said = GENERATOR.random(60), GENERATOR.random(60)
    assert metrics.wape(actual * 7, said * 7) == pytest.approx(metrics.wape(actual, said))


@pytest.mark.parametrize("score", [metrics.log_loss, metrics.brier_score, metrics.auc])
def test_scores_refuse_vectors_of_unequal_length(score: object) -> None:
    with pytest.raises(UsageError, match="one length") as caught:
        score([1, 0], [0.5])  # type: ignore[operator]
    assert caught.value.code == "metric-shape"
