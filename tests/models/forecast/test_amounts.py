"""How amounts change until the win, by stage."""

import numpy as np
import pandas as pd
import pytest

from closecurve.models.forecast.amounts import PRIOR_WINS, AmountChanges

AS_OF = pd.Timestamp("2025-06-01")


def changes(amounts: dict[str, float], count: int = 30) -> AmountChanges:
    """Deals open at 100 in each stage, won at the amount of the stage."""
    rows = [(f"{stage}{i}", stage, won) for stage, won in amounts.items() for i in range(count)]
    past = pd.DataFrame(rows, columns=["deal_id", "stage", "won"]).assign(amount_company=100.0)
    wins = past[["deal_id"]].assign(
        amount_company=past["won"], known_at=AS_OF - pd.Timedelta(days=1)
    )
    return AmountChanges.of(past, wins, AS_OF)


def test_a_stage_s_mean_ratio_is_drawn_to_that_of_all_deals() -> None:
    found = changes({"early": 50.0, "late": 100.0})
    assert found.ratios.mean() == pytest.approx(0.75)
    early = (30 * 0.5 + PRIOR_WINS * 0.75) / (30 + PRIOR_WINS) / 0.75
    deals = pd.DataFrame({"stage": ["early", "unseen"]})
    assert found.factors(deals) == pytest.approx([early, 1.0])


def test_a_mistyped_amount_counts_no_more_than_tenfold() -> None:
    assert changes({"only": 1e9}).ratios.max() == 10.0


def test_without_wins_amounts_stay() -> None:
    found = AmountChanges()
    assert found.ratios.tolist() == [1.0]
    assert found.factors(pd.DataFrame({"deal_id": ["a"]})) == pytest.approx(np.ones(1))
