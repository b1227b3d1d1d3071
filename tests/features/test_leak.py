"""Strictly before: what becomes known at an as-of or later changes nothing that was read at it."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from closecurve.features.facts import closes, funnel_facts, lead_closes
from closecurve.features.labels import deal_labels, lead_labels
from closecurve.features.landmarks import landmark_as_ofs
from closecurve.features.selection import choose
from closecurve.features.snapshot import open_deals, open_leads

Frames = dict[str, pd.DataFrame]
INSTANT = pd.Timestamp("2024-01-31 12:00")
EARLIER = [INSTANT - pd.Timedelta(days=9)]
Made = tuple[int, int, int]
EXAMPLES = settings(
    max_examples=3,  # of many records each: a question costs the same for few and for many
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # an example takes a second: shrinking takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
# What a random history is made of: a seed, a number of deals and of facts for each.
ANY_HISTORY = given(made=st.tuples(st.integers(0, 2**32), st.integers(4, 40), st.integers(2, 16)))
AT = {
    "closes": lambda t: closes(t, INSTANT, company_currency="USD"),
    "lead_closes": lambda t: lead_closes(t, INSTANT),
    "funnel_facts": lambda t: funnel_facts(t, INSTANT, company_currency="USD"),
    "deal_labels": lambda t: deal_labels(t, open_deals(t, EARLIER), INSTANT),
    "lead_labels": lambda t: lead_labels(t, open_leads(t, EARLIER), INSTANT),
}


def before(frames: Frames, instant: pd.Timestamp) -> Frames:
    """The history with every row gone that became known at the instant or later."""
    cut = dict(frames)
    for name in ("deals", "deal_changes", "leads", "lead_changes", "activities"):
        frame = frames[name]
        known_at = frame["known_at"].fillna(frame.get("created_at", frame["known_at"]))
        cut[name] = frame[known_at < instant]
    cut["fx_rates"] = frames["fx_rates"][frames["fx_rates"]["date"] < instant]
    return cut


def changed(frames: Frames, instant: pd.Timestamp, other: Frames) -> Frames:
    """The history with all of another one's rows that were known later in place of its own."""
    past = before(frames, instant)
    later = {name: _rest(other[name], before(other, instant)[name]) for name in past}
    fixed = ("accounts", "owners", "stages")
    return {
        name: past[name]
        if name in fixed
        else pd.concat([past[name], later[name]], ignore_index=True)
        for name in past
    }


def _rest(frame: pd.DataFrame, kept: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(index=kept.index)


@EXAMPLES
@ANY_HISTORY
@pytest.mark.parametrize("name", ["open_deals", "open_leads", "deals", "leads"])
def test_later_facts_change_no_snapshot(
    name: str, engine: Any, queries: Any, random_history: Any, as_ofs: Any, made: Made
) -> None:
    frames, instant = random_history(*made), as_ofs[made[0] % len(as_ofs)]
    other = renamed(random_history(made[0] + 1, *made[1:]), frames, instant)
    found = queries.run(engine, name, engine.load(frames))
    rewritten = queries.run(engine, name, engine.load(changed(frames, instant, other)))
    pd.testing.assert_frame_equal(upto(found, instant), upto(rewritten, instant), check_exact=True)


@EXAMPLES
@ANY_HISTORY
@pytest.mark.parametrize("name", ["owner_facts", "account_facts", "stage_facts"])
def test_later_facts_change_nothing_known_of_others(
    name: str, engine: Any, queries: Any, random_history: Any, as_ofs: Any, made: Made
) -> None:
    frames, instant = random_history(*made), as_ofs[made[0] % len(as_ofs)]
    found = upto(queries.run(engine, name, engine.load(frames)), instant)
    past = upto(queries.run(engine, name, engine.load(before(frames, instant))), instant)
    # owners and accounts that only turn up later have rows that say nothing
    key = {"owner_facts": "owner_id", "account_facts": "account_id"}.get(name)
    if key is not None:
        found = found[found[key].isna() | found[key].isin(past[key])].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, past, check_exact=True)


@EXAMPLES
@ANY_HISTORY
@pytest.mark.parametrize("name", sorted(AT))
def test_later_facts_change_no_close_passage_or_label(
    name: str, engine: Any, random_history: Any, made: Made
) -> None:
    frames = random_history(*made)
    found = engine.run(engine.load(frames), AT[name])
    past = engine.run(engine.load(before(frames, INSTANT)), AT[name])
    pd.testing.assert_frame_equal(found, past, check_exact=True)


def test_later_facts_change_no_selection_and_no_landmark(engine: Any, random_history: Any) -> None:
    frames = random_history(11, 60, 12)
    later = INSTANT + pd.Timedelta(days=5)
    whole, past = (choose(engine.load(f), later) for f in (frames, before(frames, later)))
    assert whole == past
    assert whole.deals.kinds
    assert landmark_as_ofs(engine.load(frames), later) == landmark_as_ofs(
        engine.load(before(frames, later)), later
    )


def upto(rows: pd.DataFrame, instant: pd.Timestamp) -> pd.DataFrame:
    return rows[rows["as_of"] <= instant].reset_index(drop=True)


def renamed(other: Frames, frames: Frames, instant: pd.Timestamp) -> Frames:
    """Another history whose records do not stand for those that are known already."""
    known = before(frames, instant)
    taken = {
        key: set(known[table][key]) for table, key in (("deals", "deal_id"), ("leads", "lead_id"))
    }
    made = dict(other)
    for table, key in (("deals", "deal_id"), ("leads", "lead_id")):
        made[table] = other[table][~other[table][key].isin(taken[key])]
    return made
