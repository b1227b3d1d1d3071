"""What a publication keeps for comparisons: steps that add up, chances by the period, ends."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.features.facts import closes
from closecurve.pipelines.changes import Comparable, Scored, comparable, publication_before
from closecurve.pipelines.leads import score_leads
from closecurve.pipelines.rates import StageFacts
from closecurve.pipelines.scoring import score_deals
from closecurve.pipelines.training import the_champion
from closecurve.pipelines.workspace import Workspace
from closecurve.stores.results import MemoryResultsStore, Publication

pytestmark = pytest.mark.xdist_group("pipelines")

DAYS_APART = 30


def scored_at(workspace: Workspace, as_of: pd.Timestamp) -> Scored:
    """What a run at the as-of would publish, with a forecast of the two quarters around it."""
    tables, settings = workspace.history().tables(), workspace.settings
    champion = the_champion(workspace)
    assert champion is not None
    facts = StageFacts.of(tables, as_of, settings)
    quarter = settings.calendar.quarter_at(as_of)
    following = settings.calendar.quarter_after(quarter)
    periods = [(period.start_date, period.end_date) for period in (quarter, following)]
    return Scored(
        as_of=as_of,
        digest=champion.digest,
        bundle=champion.bundle,
        deals=score_deals(tables, champion.bundle, facts, settings, as_of),
        leads=score_leads(tables, champion.bundle, settings, as_of),
        forecasts=pd.DataFrame(periods, columns=["period_start", "period_end"]),
    )


@pytest.fixture(scope="module")
def two(trained_home: Any) -> dict[str, Any]:
    """Two runs, a month apart: what they scored, and what each of them keeps."""
    opened = Workspace.open(trained_home, trained_home / "export/closecurve.toml").quiet()
    end = opened.data_end()
    store = MemoryResultsStore()
    first, second = (scored_at(opened, at) for at in (end - pd.Timedelta(days=DAYS_APART), end))
    kept = keep(opened, store, first)
    store.publish(
        Publication(
            as_of=first.as_of,
            published_at=first.as_of,
            history_id="h",
            bundle_digest=first.digest,
            deal_scores=first.deals.scores,
            lead_scores=first.leads.scores,
            deal_steps=kept.deal_steps,
            lead_steps=kept.lead_steps,
            closed_deals=kept.closed_deals,
        )
    )
    return {"workspace": opened, "store": store, "first": first, "second": second, "kept": kept}


def keep(workspace: Workspace, store: MemoryResultsStore, scored: Scored) -> Comparable:
    settings, tables = workspace.settings, workspace.history().tables()
    currency = settings.company.currency
    closed = closes(tables, scored.as_of, company_currency=currency).execute()
    return comparable(store, tables, scored, closed, settings.calendar)


def said(scored: Scored, key: str, column: str) -> pd.Series:
    rows = (scored.deals if key == "deal_id" else scored.leads).scores
    return rows.set_index(key)[column]


def test_the_steps_add_up_to_the_difference_of_what_was_published(two: dict[str, Any]) -> None:
    made = keep(two["workspace"], two["store"], two["second"])
    for steps, key, column in (
        (made.deal_steps, "deal_id", "win_probability_eventual"),
        (made.lead_steps, "lead_id", "conversion_probability_eventual"),
    ):
        then, now = (said(two[name], key, column) for name in ("first", "second"))
        known = steps[steps["since_publication_id"].notna()]
        assert set(known[key]) == set(then.index) & set(now.index)
        assert len(known) > 5
        difference = now[known[key]].to_numpy() - then[known[key]].to_numpy()
        sums = [sum(parts.values()) for parts in known["parts"]]
        assert sums == pytest.approx(difference, abs=1e-9)
        # The model and the history are the same: neither has a part worth telling.
        for parts in known["parts"]:
            assert abs(parts.get("history", 0.0)) < 1e-9
            assert "model" not in parts
        unknown = steps[steps["since_publication_id"].isna()]
        assert unknown["parts"].isna().all()


def test_another_model_has_a_part_of_its_own_and_moves_the_chances(two: dict[str, Any]) -> None:
    store = MemoryResultsStore()
    first: Scored = two["first"]
    rows, steps = first.deals.scores.copy(), two["kept"].deal_steps.copy()
    rows["win_probability_eventual"] = rows["win_probability_eventual"] / 2
    store.publish(
        Publication(
            as_of=first.as_of,
            published_at=first.as_of,
            history_id="h",
            bundle_digest="0" * 64,
            deal_scores=rows,
            deal_steps=steps,
        )
    )
    made = keep(two["workspace"], store, two["second"]).deal_steps
    known = made[made["since_publication_id"].notna()]
    then = said(first, "deal_id", "win_probability_eventual")[known["deal_id"]]
    model = [parts["model"] for parts in known["parts"]]
    assert model == pytest.approx(then.to_numpy() / 2, abs=1e-9)
    for shift in known["won_by_shift"]:
        assert shift
        assert list(shift.values()) == pytest.approx(np.zeros(len(shift)), abs=1e-9)


def test_the_chances_rise_from_edge_to_edge_up_to_the_eventual_one(two: dict[str, Any]) -> None:
    steps = two["kept"].deal_steps
    eventual = said(two["first"], "deal_id", "win_probability_eventual")
    for deal_id, won_by in zip(steps["deal_id"], steps["won_by"], strict=True):
        values = [won_by[day] for day in sorted(won_by)]
        assert values == sorted(values)
        assert len(values) == 2
        assert values[-1] <= eventual[deal_id] + 1e-9


def test_the_ends_tell_of_every_deal_that_is_no_longer_open(two: dict[str, Any]) -> None:
    closed = keep(two["workspace"], two["store"], two["second"]).closed_deals
    left = set(two["first"].deals.scores["deal_id"]) - set(two["second"].deals.scores["deal_id"])
    ends = closed.set_index("deal_id")["outcome"]
    assert left
    assert left <= set(ends.index)
    assert set(ends) <= {"won", "lost", "deleted"}
    assert (closed["known_at"].dropna() < two["second"].as_of).all()


def test_the_first_publication_has_no_steps(two: dict[str, Any]) -> None:
    kept = two["kept"]
    assert kept.deal_steps["since_publication_id"].isna().all()
    assert kept.lead_steps["parts"].isna().all()
    assert publication_before(two["store"], two["first"].as_of) is None
    nobody = replace(
        two["second"],
        deals=replace(two["second"].deals, scores=pd.DataFrame()),
        leads=replace(two["second"].leads, scores=pd.DataFrame()),
    )
    empty = keep(two["workspace"], two["store"], nobody)
    assert empty.deal_steps.empty
    assert set(empty.closed_deals["outcome"]) >= {"deleted"}
