"""Constant rates of the settings hold in everything that reads the history."""

from dataclasses import replace

import pandas as pd
import pytest
from tests.pipelines.conftest import Exported

from closecurve.features.facts import closes
from closecurve.pipelines.standings import Compared, pipeline_between
from closecurve.pipelines.steps import import_history
from closecurve.pipelines.workspace import Workspace

THEN, NOW = pd.Timestamp("2025-02-01"), pd.Timestamp("2025-04-01")


@pytest.fixture
def workspace(exported: Exported) -> Workspace:
    """A company that sums in dollars; the euro rose from 1.0 to 1.2 on the first of March."""
    deals = pd.DataFrame(
        {
            "deal_id": ["open", "home", "won"],
            "created_at": "2025-01-05",
            "closed_at": [None, None, "2025-03-15"],
            "outcome": [None, None, "won"],
            "amount": [100.0, 10.0, 1000.0],
            "currency": ["EUR", "USD", "EUR"],
        }
    )
    rates = pd.DataFrame(
        {"date": ["2025-01-01", "2025-03-01"], "currency": "EUR", "rate": [1.0, 1.2]}
    )
    made = exported(deals=deals, fx_rates=rates)
    import_history(made)
    return made


def at_rates(workspace: Workspace, **company: object) -> Workspace:
    settings = workspace.settings
    changed = settings.company.model_copy(update=company)
    return replace(workspace, settings=settings.model_copy(update={"company": changed}))


def test_without_constant_rates_the_pipeline_moves_with_the_market(workspace: Workspace) -> None:
    found = pipeline_between(
        workspace.history().tables(), workspace.settings, Compared(start=THEN, end=NOW)
    )
    assert found.changes.by_kind() == pytest.approx({"currency": 20, "won": -1000})


@pytest.mark.parametrize(
    ("company", "rate"),
    [
        ({"constant_rates": {"EUR": 2.0}}, 2.0),
        ({"rates_of": pd.Timestamp("2025-03-02").date()}, 1.2),
    ],
    ids=["fixed", "of-a-day"],
)
def test_at_constant_rates_it_does_not_and_wins_are_valued_alike(
    workspace: Workspace, company: dict[str, object], rate: float
) -> None:
    constant = at_rates(workspace, **company)
    tables = constant.history().tables()
    found = pipeline_between(tables, constant.settings, Compared(start=THEN, end=NOW))
    assert found.changes.by_kind() == pytest.approx({"won": -1000 * rate})
    assert found.changes.end == pytest.approx(100 * rate + 10)
    won = closes(tables, NOW, company_currency="USD").execute()
    assert won["amount_company"].tolist() == [1000 * rate]
