"""Companies with next to nothing get an answer, only a wider one."""

import numpy as np
import pandas as pd
import pytest
from tests.pipelines.conftest import Exported

from closecurve.crm.errors import DataError
from closecurve.pipelines.steps import import_history, publish_scores, train_models
from closecurve.stores.results import Publication

LATER = pd.Timedelta(days=3)


def deals(count: int, outcome: str | None, amount: float | None = None) -> pd.DataFrame:
    """Deals a day apart, closed after 30 days in the same way; the last three are still open."""
    created = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(count), unit="D")
    is_closed = np.arange(count) < count - 3 if outcome else np.zeros(count, dtype=bool)
    closed = (created + pd.Timedelta(days=30)).where(is_closed)
    frame = pd.DataFrame({"deal_id": [f"交易-{i}" for i in range(count)], "created_at": created})
    return frame.assign(
        closed_at=closed,
        outcome=np.where(is_closed, outcome or "", ""),
        stage="Proposal",
        amount=amount,
    )


def answer(
    exported: Exported, *, later: pd.Timedelta = LATER, **tables: pd.DataFrame
) -> Publication:
    """The publication a few days after the last deal came, after import and training there."""
    workspace, as_of = exported(**tables), tables["deals"]["created_at"].max() + later
    import_history(workspace)
    train_models(workspace, as_of)
    return publish_scores(workspace, as_of).publication


def test_one_open_deal_gets_its_stage_rate(exported: Exported) -> None:
    made = answer(exported, deals=deals(1, None, amount=1000))
    assert made.deal_scores["win_probability_eventual"].tolist() == pytest.approx([0.6], abs=0.05)
    company = made.forecasts[made.forecasts["scope_kind"] == "company"]
    assert company["q90"].between(0, 2000).all()


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_a_company_that_only_knows_one_outcome_gets_probabilities_inside_0_and_1(
    exported: Exported, outcome: str
) -> None:
    made = answer(exported, deals=deals(60, outcome, amount=1000))
    probability = made.deal_scores["win_probability_eventual"]
    assert len(probability) >= 3
    assert probability.between(0, 1).all()
    assert (probability > 0.5).all() == (outcome == "won")


def test_a_company_without_leads_owners_amounts_or_stages_is_served(exported: Exported) -> None:
    made = answer(
        exported, deals=deals(40, "won")[["deal_id", "created_at", "closed_at", "outcome"]]
    )
    assert made.lead_scores.empty
    assert made.lead_model_version is None
    assert made.deal_scores["owner_id"].isna().all()
    assert made.forecasts["scope_kind"].eq("company").all()


def test_a_column_full_of_nulls_and_ten_thousand_categories_change_nothing_much(
    exported: Exported,
) -> None:
    many = deals(400, "won", amount=10)
    many["empty"], many["unique"] = None, [f"v{i}" for i in range(400)]
    made = answer(exported, deals=many)
    assert made.deal_scores["win_probability_eventual"].between(0, 1).all()


def test_no_open_deal_is_an_empty_list_and_a_forecast(exported: Exported) -> None:
    closed = deals(30, "won", amount=10).query("outcome == 'won'")
    made = answer(exported, later=pd.Timedelta(days=40), deals=closed)
    assert made.deal_scores.empty
    assert len(made.forecasts) == 2


def test_an_empty_table_is_refused_and_the_earlier_history_stays(exported: Exported) -> None:
    workspace = exported(deals=deals(5, "won"))
    import_history(workspace)
    before = workspace.history().history_id
    with pytest.raises(DataError, match="at least one deal"):
        import_history(exported(deals=deals(0, None)))
    assert workspace.history().history_id == before
