"""The funnel's API and page: metrics, leaks, losses, concentration, owners, seasonality."""

import csv
import io
from typing import Any

import pandas as pd
import pytest

from closecurve.stores.results import MemoryResultsStore

SCOPE = {"scope_kind": "company", "scope": "company"}
METRIC = {
    **SCOPE, "process": "(all)", "stage": "(all)", "low": 0.2, "high": 0.4, "count": 90,
}  # fmt: skip
YEAR = {
    "period": "last 365 days",
    "period_start": pd.Timestamp("2025-02-02"),
    "period_end": pd.Timestamp("2026-02-02"),
}
QUARTER = {
    "period": "2025 Q4",
    "period_start": pd.Timestamp("2025-10-01"),
    "period_end": pd.Timestamp("2026-01-01"),
}
LEAK = {
    "process": "default", "against": "past", "stage_order": 3, "exit_count": 180,
    "conversion_rate": 0.41, "expected_rate": 0.58, "drop": 0.17, "drop_low": 0.08,
    "drop_high": 0.25, "p_value": 0.003, "is_leak": True, "detectable_drop": 0.15,
    "missing_count": 30.6, "mean_amount": 24e3, "later_win_rate": 0.62, "lost_money": 455e3,
    "lost_money_low": 214e3, "lost_money_high": 670e3,
}  # fmt: skip
MONTHS = [
    {
        "month": f"{2023 + i // 12}-{i % 12 + 1:02}-01", "won_amount": 3e5 + i, "expected": 3.1e5,
        "low": 2e5, "high": 4e5, "season": (i % 12 - 5) / 50,
    }
    for i in range(36)
]  # fmt: skip
SEASON = {
    **SCOPE, "verdict": "fall", "month_count": 36, "p_value": 0.004, "swing_p_value": 0.01,
    "fall_month": pd.Timestamp("2025-08-01"), "fall": 0.34, "fall_low": 0.18, "fall_high": 0.47,
    "monthly_loss": 161e3, "growth_a_year": 0.12, "detectable_fall": 0.28, "months": MONTHS,
}  # fmt: skip
CONCENTRATION = {
    "holder_kind": "owner", "holder_count": 20, "won_count": 268, "won_amount": 5.5e6,
    "gini": 0.7, "gini_low": 0.6, "gini_high": 0.8, "luck_gini": 0.3, "luck_gini_high": 0.37,
    "top_share": 0.4, "top_three_share": 0.8, "rule_share": 0.15, "rule_count": 3,
    "is_at_risk": True, "lorenz": [[0.0, 0.0], [0.5, 0.2], [1.0, 1.0]],
}  # fmt: skip


def tables() -> dict[str, pd.DataFrame]:
    """The funnel's further tables: a leak in the company, none in North, a fall."""
    metrics = [
        {**METRIC, **YEAR, "metric": "win_rate_closed", "value": 0.31},
        {**METRIC, **QUARTER, "metric": "win_rate_closed", "value": 0.29},
        {**METRIC, **YEAR, "metric": "slope", "value": 0.6, "process": "default"},
    ]
    north = LEAK | {"is_leak": False, "p_value": 0.7, "scope_kind": "team", "scope": "North"}
    losses = [
        {
            **SCOPE, "process": "(all)", "dimension": "loss_reason", "value": value,
            "lost_count": count, "lost_amount": 1e5, "share": count / 100,
            "share_low": 0.1, "share_high": 0.9,
        }
        for value, count in (("=price", 60), ("no budget", 40))
    ]  # fmt: skip
    return {
        "funnel_metrics": pd.DataFrame(metrics),
        "funnel_leaks": pd.DataFrame(
            [{**SCOPE, **LEAK, "stage": "Proposal"}, {**north, "stage": "Proposal"}]
        ),
        "funnel_losses": pd.DataFrame(losses),
        "concentrations": pd.DataFrame([CONCENTRATION]),
        "seasons": pd.DataFrame([SEASON]),
    }


@pytest.fixture(scope="module")
def company(serve: Any, client: Any, publication: Any) -> Any:
    """A client of a company whose funnel was measured."""
    store = MemoryResultsStore()
    store.publish(publication(**tables()))
    return type(client)(serve(store))


def text_of(client: Any, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return str(response.text).replace("\u00a0", " ")


def test_the_metrics_stand_beside_what_is_declared_of_them(company: Any) -> None:
    rows = company.get("/v1/funnel?period=2025 Q4").json()["metrics"]
    assert [(row["metric"], row["unit"], row["value"]) for row in rows] == [
        ("win_rate_closed", "share", 0.29)
    ]


def test_the_stages_of_the_year_are_metrics_too(company: Any) -> None:
    rows = company.get("/v1/funnel?process=default").json()["metrics"]
    found = [row for row in rows if row["metric"] == "conversion_rate"]
    assert [row["stage"] for row in found] == [
        "Needs analysis",
        "Negotiation",
        "Proposal",
        "Qualification",
    ]
    assert (found[0]["low"], found[0]["high"]) == pytest.approx((0.55, 0.61))
    assert found[0]["period_start"] == "2025-02-02"


def test_an_unknown_process_has_no_stages(company: Any) -> None:
    answer = company.get("/v1/funnel?process=other").json()
    assert answer["items"] == []


def test_the_leaks_come_first_and_are_those_of_the_scope(company: Any) -> None:
    (leak,) = company.get("/v1/funnel/leaks").json()["items"]
    assert (leak["is_leak"], leak["stage"], leak["lost_money"]) == (True, "Proposal", 455e3)
    (row,) = company.get("/v1/funnel/leaks?scope_kind=team&scope=North").json()["items"]
    assert row["is_leak"] is False


@pytest.mark.parametrize(
    ("address", "count"),
    [
        ("/v1/funnel.csv", 39),
        ("/v1/funnel/leaks.csv", 1),
        ("/v1/funnel/losses.csv", 2),
        ("/v1/seasonality.csv", 36),
    ],
)
def test_every_list_is_csv_too(company: Any, address: str, count: int) -> None:
    rows = list(csv.DictReader(io.StringIO(company.get(address).text)))
    assert len(rows) == count


def test_a_loss_is_text_and_no_formula(company: Any) -> None:
    assert "'=price" in company.get("/v1/funnel/losses.csv").text
    assert company.get("/v1/funnel/losses").json()["items"][0]["value"] == "=price"


def test_owners_are_not_compared_unless_the_company_asked(
    company: Any, serve: Any, publication: Any
) -> None:
    refused = company.get("/v1/funnel/owners")
    assert refused.status_code == 404
    assert refused.json()["type"].endswith("owner-ranking-off")
    assert "Owners against the best" not in text_of(company, "/funnel")
    store = MemoryResultsStore()
    rank = {
        "owner_id": "o-1", "team": "North", "closed_count": 40, "won_count": 12, "win_rate": 0.3,
        "shrunk_rate": 0.31, "shrunk_low": 0.2, "shrunk_high": 0.4, "behind_best": 0.0,
        "won_amount": 9e5,
    }  # fmt: skip
    store.publish(publication(**tables(), owner_ranks=pd.DataFrame([rank])))
    asked = type(company)(serve(store))
    assert asked.get("/v1/funnel/owners").json()["items"][0]["owner_id"] == "o-1"
    assert "Owners against the best" in text_of(asked, "/funnel")


def test_concentration_and_season_answer(company: Any) -> None:
    (row,) = company.get("/v1/funnel/concentration").json()["items"]
    assert row["is_at_risk"] is True
    (season,) = company.get("/v1/seasonality").json()["items"]
    assert (season["verdict"], season["fall_month"]) == ("fall", "2025-08-01")
    assert company.get("/v1/seasonality?scope_kind=team&scope=North").json()["items"] == []


def test_the_page_tells_leak_fall_and_risk_in_words(company: Any) -> None:
    text = text_of(company, "/funnel")
    assert "<b>Proposal</b> 41% of the deals decided in Proposal got further" in text
    assert "17 points fewer (8 points to 25 points)" in text
    assert "worth $455 k ($214 k to $670 k)" in text
    assert "since August 2025 won revenue is 34% below" in text
    assert "3 owners carry three quarters of the won revenue, of 20 (15%)" in text
    assert "The revenue is at risk." in text


def test_the_page_of_a_team_says_what_could_have_been_seen(company: Any) -> None:
    text = text_of(company, "/funnel?scope=team%3ANorth&beside=team%3ASouth")
    assert "No stage fell below its own past" in text
    assert "A drop of 15 points in Proposal would have been found four times in five." in text
    assert "narrowing-chart" in text
    assert "On how few the revenue hangs" not in text, "that is told of the company only"


@pytest.mark.parametrize(
    "query", ["scope=team%3ANowhere", "beside=owner%3Anobody", "process=other", "scope=nonsense"]
)
def test_what_the_publication_does_not_hold_is_not_there(company: Any, query: str) -> None:
    assert company.get(f"/funnel?{query}").status_code == 404


def test_a_publication_of_an_earlier_release_still_has_a_page(
    serve: Any, client: Any, publication: Any
) -> None:
    """It has stages, and neither the new tables nor the new columns."""
    store = MemoryResultsStore()
    old = publication()
    new = ("usual_count", "decided_count", "dwell_q50_days_low", "dwell_q80_days_low")
    store.publish(publication(funnel=old.funnel.assign(**dict.fromkeys(new, None))))
    text = text_of(type(client)(serve(store)), "/funnel")
    assert "Proposal" in text
    assert "too few deals were decided" in text


def test_before_the_first_publication_the_page_says_so(empty_client: Any) -> None:
    assert "Nothing" in text_of(empty_client, "/funnel")
