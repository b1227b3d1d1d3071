"""What conversions brought: by source and fit, shrunk to the company."""

import numpy as np
import pandas as pd
import pytest

from closecurve.models.lead_quality.value import PSEUDO_DEALS, LeadValues


def closes(count: int = 400, *, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Deals of which half come from leads: events bring twice, large companies thrice as much."""
    random = np.random.default_rng(seed)
    is_event, is_large = random.random(count) < 0.5, random.random(count) < 0.5
    amount = 1_000.0 * np.where(is_event, 2, 1) * np.where(is_large, 3, 1)
    won = random.random(count) < 0.4
    leads = pd.Series([f"l-{place}" for place in range(count)]).where(random.random(count) < 0.8)
    known = pd.DataFrame(
        {
            "lead_id": leads,
            "source": pd.Series(np.where(is_event, "event", "search")).where(leads.notna()),
            "outcome": np.where(won, "won", "lost"),
            "amount": np.where(won, amount, 500.0),
        }
    )
    has_lead = leads.notna()
    fit = pd.DataFrame(
        {
            "attribute_employees": np.where(is_large, 900.0, 20.0)[has_lead],
            "region": random.choice(["North", "South"], int(has_lead.sum())),
        },
        index=pd.Index(leads[has_lead], name="lead_id"),
    )
    return known, fit


def test_the_value_of_a_lead_is_near_what_its_like_brought() -> None:
    values = LeadValues.learned(*closes(4000))
    for source, factor in (("event", 2), ("search", 1)):
        for employees, size in ((900.0, 3), (20.0, 1)):
            found = values.of({"source": source, "attribute_employees": employees})
            assert found is not None
            assert found.amount == pytest.approx(0.4 * 1000 * factor * size, rel=0.15)
            assert found.fit_feature == "attribute_employees"


def test_a_source_seen_once_has_nearly_the_value_of_the_company() -> None:
    known, fit = closes()
    known.loc[known["lead_id"].first_valid_index(), ["source", "outcome"]] = ["fax", "won"]
    known.loc[known["source"] == "fax", "amount"] = 1e6
    values = LeadValues.learned(known, fit)
    fax, company = values.sources["fax"], values.company
    assert company is not None
    assert fax.mean_amount == pytest.approx((1e6 + PSEUDO_DEALS * company.mean_amount) / 21)
    told = values.of({"source": "fax"})
    assert told is not None
    assert (told.source, told.fact) == (None, company)


def test_an_estimate_of_its_own_stands_for_the_mean_amount() -> None:
    values = LeadValues.learned(*closes())
    found = values.of({"source": "event", "attribute_employees": 900.0}, own_amount=50_000.0)
    assert found is not None
    assert found.amount == pytest.approx(50_000 * values.sources["event"].win_rate)
    assert (found.fit_feature, found.own_amount) == (None, 50_000.0)


def test_without_a_won_deal_there_is_no_value() -> None:
    known, fit = closes()
    lost = known.assign(outcome="lost", amount=np.nan)
    assert LeadValues.learned(lost, fit).of({"source": "event"}) is None
    assert LeadValues.learned(lost[:0], fit[:0]).of({"source": "event"}) is None


def test_without_deals_of_leads_all_deals_tell_the_value() -> None:
    known, fit = closes()
    values = LeadValues.learned(known.assign(lead_id=None, source=None), fit[:0])
    won = known[known["outcome"] == "won"]
    found = values.of({"source": "event"})
    assert found is not None
    assert found.amount == pytest.approx(won["amount"].sum() / len(known))
    assert found.fact is None


def test_a_fact_is_of_deals_and_owners_enough_and_does_not_count_the_owners() -> None:
    """Event leads are closed by one owner, search leads by six."""
    known, fit = closes()
    team = [f"o-{place % 6}" for place in range(len(known))]
    known["owner_id"] = pd.Series(team).mask(known["source"] == "event", "o-9")
    values = LeadValues.learned(known, fit)
    event, search = (values.of({"source": source}) for source in ("event", "search"))
    assert event is not None
    assert search is not None
    assert (event.source, event.fact) == (None, values.company)
    assert search.source == "search"
    assert "owner_count" not in search.basis()["fact"]
    assert event.amount > search.amount
    few = known.assign(owner_id=["o-1", "o-2"] * (len(known) // 2))
    alone = LeadValues.learned(few, fit).of({"source": "search"})
    assert alone is not None
    assert alone.fact is None
    assert alone.basis()["fact"] is None


def test_values_survive_json() -> None:
    known, fit = closes()
    for closed in (known, known.assign(owner_id="o-1")):
        values = LeadValues.learned(closed, fit)
        assert LeadValues.from_json(values.to_json()) == values
