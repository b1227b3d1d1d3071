"""What a publication holds of the forecast: every period, every node, and its basis."""

import json

import numpy as np
import pandas as pd
import pytest

from closecurve.models.forecast.published import PublishedBasis
from closecurve.models.forecast.simulation import simulate
from closecurve.models.forecast.totals import LEVELS
from closecurve.pipelines.publication import Published
from closecurve.pipelines.revenue import win_rate_ratio

pytestmark = pytest.mark.xdist_group("pipelines")

MEANS = ["booked", "open_mean", "new_mean", "mean"]


@pytest.fixture(scope="module")
def rows(published: Published) -> pd.DataFrame:
    content = published.publication
    return pd.concat([content.forecasts, content.period_forecasts], ignore_index=True)


def test_two_periods_of_every_kind_at_every_node(rows: pd.DataFrame) -> None:
    company = rows[rows["scope_kind"] == "company"]
    assert company["period_kind"].value_counts().to_dict() == {
        "month": 2, "quarter": 2, "half": 2, "year": 2,
    }  # fmt: skip
    assert {"team", "region", "owner", "product", "manager"} <= set(rows["scope_kind"])


@pytest.mark.parametrize("kind", ["team", "region", "owner", "product"])
def test_each_kind_of_scope_adds_up_to_the_company(rows: pd.DataFrame, kind: str) -> None:
    parts = rows[rows["scope_kind"] == kind].groupby("period_name")[MEANS].sum()
    company = rows[rows["scope_kind"] == "company"].set_index("period_name")[MEANS]
    pd.testing.assert_frame_equal(parts, company.loc[parts.index], rtol=1e-9)


def test_a_period_with_its_categories_and_weights(rows: pd.DataFrame) -> None:
    assert (rows["commit_amount"] <= rows["best_case_amount"]).all()
    assert rows["best_case_amount"].max() > 0
    for weights in rows["rule_weights"].iloc[:5]:
        assert sum(weights.values()) == pytest.approx(1.0)


def test_the_basis_draws_the_published_quantiles_again(
    published: Published, rows: pd.DataFrame
) -> None:
    content = json.loads(json.dumps(published.publication.forecast_basis["content"].iloc[0]))
    basis = PublishedBasis.from_json(content)
    quarter = rows[(rows["scope_kind"] == "team") & (rows["period_kind"] == "quarter")].iloc[0]
    inside = basis.inside("team", quarter["scope"])[None, :].astype(float)
    cells = basis.cells_of(quarter["period_name"])[None, :]
    rest = simulate(basis.basis, inside, cells, basis.draws)[0, 0]
    again = quarter["booked"] + np.quantile(rest, list(LEVELS.values()))
    np.testing.assert_allclose(again, quarter[list(LEVELS)].to_numpy(dtype=float), rtol=2e-3)


def test_the_win_rate_of_the_year_before_over_the_last() -> None:
    as_of = pd.Timestamp("2026-01-01")
    days = [30] * 400 + [500] * 400 + [900] * 400
    closes = pd.DataFrame(
        {
            "closed_at": [as_of - pd.Timedelta(days=day) for day in days],
            "outcome": ["won", "lost"] * 200
            + ["won", "lost", "lost", "lost"] * 100
            + ["won"] * 400,
        }
    )
    assert win_rate_ratio(closes, as_of) == pytest.approx(0.5, abs=0.04)
    assert win_rate_ratio(closes.iloc[:0], as_of) == 1.0
