"""The demo company: its facts keep the rules of a CRM, and its oracle is right."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from closecurve.crm.demo import DemoCompany, simulate
from closecurve.crm.demo.days import DAY, FAR, Bools, Floats, Ints
from closecurve.crm.demo.deals import OPEN
from closecurve.crm.errors import UsageError
from closecurve.crm.tables import CANONICAL

AS_OFS = pd.date_range("2022-02-01", "2025-02-01", periods=8).round("h")
JUST_AFTER = pd.Timedelta(microseconds=1)


@pytest.fixture(scope="module")
def company() -> DemoCompany:
    return simulate(deals=12_000, seed=3)


@pytest.fixture(scope="module")
def tables(company: DemoCompany) -> dict[str, pd.DataFrame]:
    return company.frames()


def seconds(as_of: pd.Timestamp) -> int:
    return int(as_of.timestamp())


def open_deals(company: DemoCompany, as_of: pd.Timestamp) -> Ints:
    """The places of the deals that are truly open."""
    paths = company.world.deal_paths
    made = np.flatnonzero(paths.first_second < seconds(as_of))
    standing = paths.standing(made, np.full(len(made), seconds(as_of)))
    return made[standing.state < OPEN]


def first_wins(company: DemoCompany, deals: Ints, as_of: pd.Timestamp, days: float) -> Bools:
    """Which deals are won at their first close at or after the as-of, within that many days."""
    steps = company.world.deal_paths.steps
    later = np.flatnonzero((steps.to_state >= OPEN) & (steps.second >= seconds(as_of)))[::-1]
    second, state = np.full((2, len(company.deal_ids)), FAR)
    second[steps.subject[later]] = steps.second[later]
    state[steps.subject[later]] = steps.to_state[later]
    won: Bools = (state[deals] == OPEN) & (second[deals] <= seconds(as_of) + days * DAY)
    return won


def assert_rates(truth: Floats, seen: Bools, group: NDArray[np.integer]) -> None:
    """In every group the seen rate lies within four standard errors of the mean truth."""
    frame = pd.DataFrame({"truth": truth, "seen": seen, "variance": truth * (1 - truth)})
    sums = frame.groupby(np.asarray(group)).sum()
    assert ((sums.seen - sums.truth).abs() <= 4 * np.sqrt(sums.variance) + 1e-6).all(), sums


@pytest.mark.parametrize("days", [7.0, 30.0, 90.0, None])
def test_deals_are_won_as_often_as_the_truth_says(company: DemoCompany, days: float | None) -> None:
    """In every tenth of the truth, in every true state, and at every as-of."""
    truth, seen, state, place = [], [], [], []
    for as_of in AS_OFS if days else AS_OFS[::2]:
        deals = open_deals(company, as_of)
        times = None if days is None else [days]
        won = company.true_win_probability(company.deal_ids[deals], as_of, times)
        truth.append(won if days is None else won[:, 0])
        seen.append(first_wins(company, deals, as_of, days or 2_000))
        at = np.full(len(deals), seconds(as_of))
        state.append(company.world.deal_paths.standing(deals, at).state)
        place.append(at)
    joined, happened = np.concatenate(truth), np.concatenate(seen)
    tenth = np.argsort(np.argsort(joined)) * 10 // len(joined)
    for groups in (tenth, np.concatenate(state), np.concatenate(place), np.zeros_like(tenth)):
        assert_rates(joined, happened, groups)


def known_about(
    tables: dict[str, pd.DataFrame], ids: pd.Index, as_of: pd.Timestamp
) -> pd.DataFrame:
    """What the CRM knows of deals at the as-of, a number a column."""
    changes = tables["deal_changes"].query("known_at < @as_of and deal_id in @ids")
    pushes = changes.query("field == 'expected_close_date' and new_value > old_value")
    amounts = changes.query("field == 'amount'")
    rise = pd.to_numeric(amounts.new_value) / pd.to_numeric(amounts.old_value)
    contacts = tables["activities"].query("known_at < @as_of and deal_id in @ids")
    by_deal = {
        "pushes": pushes.groupby("deal_id").size(),
        "rise": rise.groupby(amounts.deal_id).prod() - 1,
        "contacts": contacts.groupby("deal_id").size(),
        "answers": contacts.query("direction == 'inbound'").groupby("deal_id").size(),
        "fresh": contacts[contacts.event_at > as_of - pd.Timedelta(days=14)]
        .groupby("deal_id")
        .size(),
        "late": changes[changes.known_at > changes.event_at].groupby("deal_id").size(),
    }
    return pd.DataFrame(by_deal, index=ids).fillna(0.0).clip(upper=12)


def test_no_fact_known_before_the_as_of_tells_more_than_the_truth(
    company: DemoCompany, tables: dict[str, pd.DataFrame]
) -> None:
    """Given the truth, what is known says nothing of the outcome (a score test of each number)."""
    facts, truth, seen = [], [], []
    for as_of in AS_OFS:
        deals = open_deals(company, as_of)
        ids = company.deal_ids[deals]
        facts.append(known_about(tables, ids, as_of))
        truth.append(company.true_win_probability(ids, as_of, [400.0])[:, 0])
        seen.append(first_wins(company, deals, as_of, 400))
    known, chance, won = pd.concat(facts), np.concatenate(truth), np.concatenate(seen)
    aside = (known - known.mean()).to_numpy()
    score = aside.T @ (won - chance) / np.sqrt((aside**2).T @ (chance * (1 - chance)))
    assert (np.abs(score) < 3.5).all(), dict(zip(known, score, strict=True))
    informs = known.corrwith(pd.Series(chance, index=known.index))
    assert informs["fresh"] > 0.15
    assert informs["answers"] > 0.15


def test_leads_convert_as_often_as_the_truth_says_at_their_arrival(
    company: DemoCompany, tables: dict[str, pd.DataFrame]
) -> None:
    leads = tables["leads"].query("created_at < '2025-06-01'")[::5]
    arrival = leads.created_at + JUST_AFTER
    truth = company.true_conversion_probability(leads.lead_id.tolist(), arrival, [30.0])[:, 0]
    happened = leads.converted_at <= leads.created_at + pd.Timedelta(days=30)
    assert_rates(truth, happened.to_numpy(), np.argsort(np.argsort(truth)) * 10 // len(truth))
    assert truth.std() > 0.1


def test_the_curve_rises_and_ends_at_the_eventual_probability(company: DemoCompany) -> None:
    as_of = pd.Timestamp("2025-09-10 16:45")
    ids = company.deal_ids[open_deals(company, as_of)]
    times = [0, 0.1, 0.5, 1, 2, 5, 30, 90, 365, 2_400]
    curve = company.true_deal_incidence(ids, as_of, times)
    assert curve.shape == (len(ids), 3, len(times))
    assert curve.sum(axis=1) == pytest.approx(1)
    assert (curve > -1e-12).all()
    assert (np.diff(curve[:, 1:], axis=2) > -1e-12).all()
    assert (curve[:, 0, 0] == 1).all()
    eventual = company.true_win_probability(ids, as_of)
    assert curve[:, 1, -1] == pytest.approx(eventual, abs=1e-5)


def test_the_truth_is_a_martingale(company: DemoCompany) -> None:
    """What today's curve expects of the deals is what tomorrow's curves say on average."""
    today = pd.Timestamp("2025-03-05")
    deals = open_deals(company, today)
    before, after = (
        company.true_win_probability(company.deal_ids[deals], today + pd.Timedelta(days=days))
        for days in (0, 10)
    )
    change = after - before
    assert abs(change.mean()) < 4 * change.std() / np.sqrt(len(change))
    assert change.std() > 0.05


def test_a_deal_that_is_truly_closed_has_truth_one_or_zero(company: DemoCompany) -> None:
    as_of = pd.Timestamp("2024-08-01")
    second, kind = company.world.deal_paths.endings(OPEN)
    closed = np.flatnonzero(second < seconds(as_of))
    truth = company.true_win_probability(company.deal_ids[closed], as_of, [1.0, 50.0])
    assert (truth == (kind[closed] == 0)[:, None]).all()


@pytest.mark.parametrize("deals", [1, 2, 10, 300])
def test_a_company_of_any_size_has_every_table(deals: int) -> None:
    small = simulate(deals=deals, seed=deals)
    tables = small.frames()
    assert set(tables) == set(CANONICAL)
    assert len(tables["deals"]) == deals
    assert len(tables["leads"]) == round(1.5 * deals)
    truth = small.true_win_probability(small.deal_ids, small.until, [10.0])
    assert ((truth >= 0) & (truth <= 1)).all()


def test_the_canonical_columns_are_all_there(tables: dict[str, pd.DataFrame]) -> None:
    optional = {"known_at"}
    for name, table in CANONICAL.items():
        assert set(table.names) - set(tables[name]) <= optional, name


def test_nothing_is_known_before_it_happens_or_after_the_end(
    company: DemoCompany, tables: dict[str, pd.DataFrame]
) -> None:
    created = tables["deals"].set_index("deal_id").created_at
    for name in ("deal_changes", "activities"):
        table = tables[name]
        assert (table.known_at >= table.event_at).all()
        assert (table.known_at < company.until).all()
        of_deals = table[table.deal_id.notna()]
        assert (of_deals.event_at > of_deals.deal_id.map(created)).all()
        assert 0.01 < (table.known_at > table.event_at).mean() < 0.08
        assert (table.known_at - table.event_at).max() <= pd.Timedelta(days=4)


def test_deals_close_after_they_begin_and_leads_too(tables: dict[str, pd.DataFrame]) -> None:
    deals, leads = tables["deals"], tables["leads"]
    assert (deals.closed_at.isna() == deals.outcome.isna()).all()
    assert not (deals.closed_at <= deals.created_at).any()
    ended = leads.converted_at.fillna(leads.disqualified_at)
    assert not (ended <= leads.created_at).any()
    assert not (leads.converted_at.notna() & leads.disqualified_at.notna()).any()


def test_each_change_takes_up_where_the_last_one_ended(tables: dict[str, pd.DataFrame]) -> None:
    """Only facts that were entered late at the very end may be missing from a chain."""
    changes = tables["deal_changes"]
    before = changes.groupby(["deal_id", "field"]).new_value.shift()
    broken = before.notna() & (before != changes.old_value)
    assert broken.mean() < 0.0005
    last = changes.drop_duplicates(["deal_id", "field"], keep="last")
    stages = last[last.field == "stage"].set_index("deal_id").new_value
    deals = tables["deals"].set_index("deal_id")
    assert (deals.stage.loc[stages.index] == stages).all()


def test_a_converted_lead_is_the_deal_s_lead(tables: dict[str, pd.DataFrame]) -> None:
    leads = tables["leads"].dropna(subset="converted_deal_id").set_index("lead_id")
    deals = tables["deals"].dropna(subset="lead_id").set_index("lead_id")
    assert len(leads) == len(deals)
    assert (leads.converted_deal_id == deals.deal_id.loc[leads.index]).all()
    assert (leads.converted_at == deals.created_at.loc[leads.index]).all()


def test_deals_begin_with_an_owner_who_is_there(tables: dict[str, pd.DataFrame]) -> None:
    moved = tables["deal_changes"].query("field == 'owner_id'").groupby("deal_id").old_value.first()
    deals = tables["deals"].set_index("deal_id")
    owners = tables["owners"].set_index("owner_id")
    first = moved.reindex(deals.index).fillna(deals.owner_id)
    day = deals.created_at.dt.normalize()
    assert (pd.to_datetime(first.map(owners.hired_date)) <= day).all()
    left = pd.to_datetime(first.map(owners.left_date))
    assert (left.isna() | (left > day)).all()
    assert len(moved) > 100


def test_it_has_what_real_companies_have(tables: dict[str, pd.DataFrame]) -> None:
    deals, changes, leads = tables["deals"], tables["deal_changes"], tables["leads"]
    old = deals[deals.created_at < "2025-03-01"]
    cycle = (old.closed_at - old.created_at).dt.days.median()
    assert 45 <= cycle <= 70
    assert 0.25 <= (old.outcome == "won").mean() <= 0.30
    assert 0.18 <= leads[leads.created_at < "2025-06-01"].converted_at.notna().mean() <= 0.26
    stages = changes[changes.field == "stage"]
    assert (stages.old_value == "Lost").sum() > 50  # re-opened
    assert ((stages.old_value == "Proposal") & (stages.new_value == "Needs analysis")).sum() > 50
    assert ((stages.old_value == "Proposal") & (stages.new_value == "Closing")).sum() > 50
    assert set(deals.currency) == {"USD", "EUR", "CNY"}
    assert 6 <= len(tables["activities"]) / len(deals) <= 11
    assert tables["accounts"].name.str.contains("公司").any()


def test_quarter_ends_see_more_wins(tables: dict[str, pd.DataFrame]) -> None:
    won = tables["deals"].query("outcome == 'won'").closed_at
    left = (won.dt.to_period("Q").dt.end_time - won).dt.days
    assert (left < 10).mean() > 1.4 * 10 / 91
    assert (left >= 80).mean() < 0.9 * 11 / 91


def test_the_fixed_rates_overstate_the_funnel(
    company: DemoCompany, tables: dict[str, pd.DataFrame]
) -> None:
    still = tables["deals"][tables["deals"].outcome.isna()]
    rate = {
        "Qualification": 0.1,
        "Needs analysis": 0.4,
        "Proposal": 0.6,
        "Negotiation": 0.8,
        "Closing": 0.9,
    }
    truth = company.true_win_probability(still.deal_id.tolist(), company.until)
    weighted = (still.amount * still.stage.map(rate)).sum()
    assert 1.3 < weighted / (still.amount * truth).sum() < 3


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"deals": 0}, "demo-deals"),
        ({"deals": 5_000_001}, "demo-deals"),
        ({"deals": 5, "seed": -1}, "demo-seed"),
        ({"deals": 5, "until": "1950-01-01"}, "demo-until"),
        ({"deals": 5, "until": "soon"}, "instant-format"),
    ],
)
def test_a_company_that_cannot_be_is_refused(arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(UsageError, match="got") as caught:
        simulate(**arguments)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("ids", "as_of", "times", "code"),
    [
        (["D-9999999"], "2025-01-01", None, "demo-id"),
        (["L-0000001"], "2025-01-01", None, "demo-id"),
        (["D-0000001"], "2020-01-01", None, "demo-as-of"),
        (["D-0000001"], "2027-01-01", None, "demo-as-of"),
        (["D-0000001"], pd.DatetimeIndex(["2025-01-01"] * 2), None, "demo-as-of"),
        (["D-0000001"], "2025-01-01", [-1.0], "demo-times"),
        (["D-0000001"], "2025-01-01", [float("nan")], "demo-times"),
    ],
)
def test_a_truth_that_cannot_be_known_is_refused(
    company: DemoCompany,
    ids: list[str],
    as_of: str | pd.DatetimeIndex,
    times: list[float] | None,
    code: str,
) -> None:
    with pytest.raises(UsageError, match="got") as caught:
        company.true_win_probability(ids, as_of, times)
    assert caught.value.code == code


def test_one_instant_for_all_is_the_same_as_one_for_each(company: DemoCompany) -> None:
    as_of = pd.Timestamp("2025-10-01")
    ids = company.deal_ids[open_deals(company, as_of)][:40]
    each = pd.DatetimeIndex([as_of.tz_localize("UTC").tz_convert("Asia/Shanghai")] * len(ids))
    together = company.true_win_probability(ids, as_of, [30.0])
    assert (together == company.true_win_probability(ids, each, [30.0])).all()
