from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
import pytest

LEADS = pd.DataFrame({"source": ["a", "a", "b", "b", "b"]})
LEAD_LABELS = pd.DataFrame({"event": [1, 0, 1, 0, 0], "duration_days": [1.0, 9.0, 2.0, 9.0, 9.0]})
DEALS = pd.DataFrame(
    {
        "deal_id": ["won", "won", "early", "late", "open"],
        "stage": ["first", "second", "first", "second", "first"],
        "stage_order": [1.0, 2.0, 1.0, 2.0, 1.0],
    }
)
DEAL_LABELS = pd.DataFrame({"event": [1, 1, 2, 2, 0], "duration_days": [9.0, 2.0, 3.0, 4.0, 5.0]})


def naive_bayes(**options: Any) -> Any:
    return import_module("quality_rates").OdooNaiveBayes(**options)


def test_the_probability_is_the_hand_worked_product_of_counts() -> None:
    # won 2, lost 3; a: 1.1 won and 1.1 lost with the 0.1 added; b: 1.1 and 2.1.
    model = naive_bayes(kinds={"source": "category"}, is_lead=True).fit(LEADS, LEAD_LABELS)
    a = (2 / 5 * 1.1 / 2) / (2 / 5 * 1.1 / 2 + 3 / 5 * 1.1 / 3)
    b = (2 / 5 * 1.1 / 2) / (2 / 5 * 1.1 / 2 + 3 / 5 * 2.1 / 3)
    assert model.win_probability(LEADS) == pytest.approx([a, a, b, b, b])


def test_an_unseen_or_missing_value_leaves_the_share_of_won() -> None:
    model = naive_bayes(kinds={"source": "category"}, is_lead=True).fit(LEADS, LEAD_LABELS)
    unseen = pd.DataFrame({"source": ["never seen", None]})
    assert model.win_probability(unseen) == pytest.approx([2 / 5, 2 / 5])


def test_a_won_deal_counts_for_every_stage_and_a_lost_one_for_those_it_reached() -> None:
    model = naive_bayes(kinds={"stage": "category"}, is_lead=False).fit(DEALS, DEAL_LABELS)
    # One won; two lost, both of them reached the first stage and one the second.
    first = (1 / 3 * 1.1) / (1 / 3 * 1.1 + 2 / 3 * 2.1 / 2)
    second = (1 / 3 * 1.1) / (1 / 3 * 1.1 + 2 / 3 * 1.1 / 2)
    assert model.win_probability(DEALS.iloc[:2]) == pytest.approx([first, second])


def test_curves_end_at_the_probability_and_sum_to_one() -> None:
    model = naive_bayes(kinds={"source": "category"}, is_lead=True).fit(LEADS, LEAD_LABELS)
    cif = model.predict_cumulative_incidence(LEADS, [1.0, np.inf])
    assert cif.sum(axis=1) == pytest.approx(np.ones((5, 2)))
    assert cif[:, 1, 1] == pytest.approx(model.win_probability(LEADS))
