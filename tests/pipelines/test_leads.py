"""Open leads scored: grades by policy, deadlines of owners, values as known at the as-of."""

from dataclasses import replace

import ibis
import numpy as np
import pandas as pd
import pytest

from closecurve.features.tables import HistoryTables
from closecurve.models.lead_quality.judging import Judging
from closecurve.models.lead_quality.policy import GradeKind, GradePolicy
from closecurve.pipelines.lead_values import lead_values
from closecurve.pipelines.leads import LeadScores, owner_zones, score_leads
from closecurve.pipelines.publication import Champion, Published
from closecurve.pipelines.training import the_champion
from closecurve.pipelines.workspace import Workspace

pytestmark = pytest.mark.xdist_group("pipelines")


@pytest.fixture
def champion(workspace: Workspace) -> Champion:
    found = the_champion(workspace)
    assert found is not None
    return found


def scored(workspace: Workspace, champion: Champion, tables: HistoryTables) -> LeadScores:
    as_of = workspace.data_end()
    return score_leads(tables, champion.bundle, workspace.settings, as_of)


def test_a_published_lead_holds_together(published: Published) -> None:
    leads = published.publication.lead_scores
    p = leads["conversion_probability_eventual"]
    assert (leads["conversion_probability_low"] < p).all()
    assert (p < leads["conversion_probability_high"]).all()
    assert leads["expected_amount"].to_numpy() == pytest.approx(p * leads["value_amount"])
    assert (leads["value_amount"] > 0).all()
    answered = leads["responded_at"].notna()
    assert (leads["follow_up_due_at"].notna() == answered).all()
    assert set(leads.loc[answered, "status"]) <= {"answered", "follow_up_overdue"}
    assert (leads["is_overdue"] == (leads["status"] == "overdue")).all()
    scores: pd.DataFrame = pd.DataFrame(leads["sub_scores"].tolist(), dtype="float64")
    assert list(scores) == ["fit", "authority", "budget and timing", "engagement", "source"]
    assert ((scores >= 0) & (scores <= 100) | scores.isna()).to_numpy().all()


def test_a_deal_carries_its_interval(published: Published) -> None:
    deals = published.publication.deal_scores
    p = deals["win_probability_eventual"]
    assert (deals["win_probability_low"] <= p).all()
    assert (p <= deals["win_probability_high"]).all()
    assert (deals["win_probability_high"] - deals["win_probability_low"] > 0.01).all()


def test_the_summary_tells_by_what_was_judged(published: Published) -> None:
    summary, leads = published.summary, published.publication.lead_scores
    judging = Judging.from_json(summary["judging"])
    assert judging.bounds == judging.policy.bounds
    assert summary["lead_sources"] == sorted(set(leads["source"]))
    assert sum(item["count"] for item in summary["grade_conversion"]["items"]) > 30


def test_capacity_grades_by_what_arrives_on_a_business_day(
    workspace: Workspace, champion: Champion
) -> None:
    """As many leads of the last 28 days, each at its arrival, reach a grade as 20 days can take."""
    policy = GradePolicy(kind=GradeKind.CAPACITY, capacity=(0.2, 0.3, 0.25))
    settings = workspace.settings.model_copy(update={"grades": policy})
    plain = replace(workspace, settings=settings)
    found = scored(plain, champion, workspace.history().tables())
    assert found.judging is not None
    first, second, third = found.judging.bounds
    assert first > second > third > 0
    grades, p = found.scores["grade"], found.scores["conversion_probability_eventual"]
    assert (grades[p >= first] == "A").all()
    assert (grades[p < third] == "D").all()


def test_deadlines_run_on_the_clocks_of_the_owners(
    workspace: Workspace, champion: Champion
) -> None:
    tables = workspace.history().tables()
    moved = replace(tables, owners=tables.owners.mutate(time_zone=ibis.literal("Pacific/Auckland")))
    assert set(owner_zones(moved).values()) == {"Pacific/Auckland"}
    assert owner_zones(tables) == {}
    here, there = (scored(workspace, champion, each).scores for each in (tables, moved))
    assert (here["grade"] == there["grade"]).all()
    hour = there["response_due_at"].dt.tz_localize("UTC").dt.tz_convert("Pacific/Auckland").dt.hour
    assert hour[there["owner_id"].notna()].between(9, 18).all()
    assert (here["response_due_at"] != there["response_due_at"]).any()


def test_values_look_at_nothing_later(workspace: Workspace, champion: Champion) -> None:
    tables, currency = workspace.history().tables(), workspace.settings.company.currency
    early, late = (
        lead_values(tables, champion.bundle, currency, as_of)
        for as_of in (pd.Timestamp("2024-01-01"), workspace.data_end())
    )
    assert early.company is not None
    assert late.company is not None
    assert 0 < early.company.count < late.company.count
    assert np.isclose(
        late.company.won_count,
        sum(found.won_count for found in late.sources.values()),
    )
    none = lead_values(tables, champion.bundle, currency, pd.Timestamp("2000-01-01"))
    assert none.company is None
