"""Tuning: within the budget, on the past alone, and only what proves itself."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.errors import UsageError
from closecurve.models import tuning
from closecurve.models.choice import Choice
from closecurve.models.choosing import TRUST, Apart, choose_apart
from closecurve.models.close_curve import CloseCurve
from closecurve.models.held_back import Part
from closecurve.models.training import train_curve
from closecurve.models.tuning import Budget, tune

CUTOFF = pd.Timestamp("2025-01-01")
COMMON = {"rounds": 8, "seeds": 1, "min_rows": 20}
FEW = (Choice(settings={"leaves": 2}), Choice(settings={"half_life_share": 0.05}))


TRIAL_SECONDS = 4.0


def budget(seconds: float, told: list[str] | None = None) -> Budget:
    """A budget whose clock moves on by as much with each candidate that is begun."""
    heard: list[str] = [] if told is None else told
    return Budget(
        seconds=seconds,
        ends_at=seconds,
        clock=lambda: TRIAL_SECONDS * len(heard),
        tell=heard.append,
    )


@pytest.fixture(autouse=True)
def _few_candidates() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "CANDIDATES", FEW)
        patch.setattr(tuning, "ROUND_FACTORS", (0.5,))
        yield


@pytest.fixture(scope="module")
def learned(simulated: Callable[..., Any]) -> Part:
    company = simulated(150, seed=1)
    return Part(rows=company.rows, labels=company.labels)


@pytest.fixture(scope="module")
def turned(simulated: Callable[..., Any]) -> Part:
    """A company whose wins became losses, and its losses wins, in the middle of the year."""
    company = simulated(600, seed=5, signal=2.0)
    is_old = (company.rows["as_of"] < pd.Timestamp("2024-05-20")).to_numpy()
    event = company.labels["event"].to_numpy()
    labels = company.labels.assign(event=np.where(is_old & (event > 0), 3 - event, event))
    return Part(rows=company.rows, labels=labels)


def test_every_candidate_is_tried_told_and_reported(learned: Part) -> None:
    told: list[str] = []
    _, report = tune(learned, CUTOFF, COMMON, (30.0,), budget(1e6, told))
    tried = [it["candidate"] for it in report["tried"]]
    assert tried[:4] == [{}, *(choice.to_json() for choice in FEW), {"rounds": 4}]
    assert report["left_out"] == 0
    assert len(report["origins"]) == 3
    assert len(told) == len(tried)
    assert told[0].startswith("candidate 1: the defaults, ")
    assert report["tried"][0]["gap"] == 0.0


def test_the_same_history_gives_the_same_choice(learned: Part) -> None:
    first, second = (tune(learned, CUTOFF, COMMON, (30.0,), budget(1e6)) for _ in range(2))
    assert first == second


def test_a_candidate_that_does_not_fit_is_not_begun(learned: Part) -> None:
    """After each there is time for the next one and for the fits that follow: two trials' time."""
    _, report = tune(learned, CUTOFF, COMMON, (30.0,), budget(15.0))
    assert [it["seconds"] for it in report["tried"]] == [TRIAL_SECONDS] * 2
    assert report["left_out"] > 0


def test_the_defaults_are_tried_whatever_the_budget(learned: Part) -> None:
    choice, report = tune(learned, CUTOFF, COMMON, (30.0,), budget(0.5))
    assert [it["candidate"] for it in report["tried"]] == [{}]
    assert choice is not None
    assert choice.to_json().keys() == {"few_closes"}


def test_a_short_memory_is_chosen_where_the_world_turned_round(turned: Part) -> None:
    choice, report = tune(turned, CUTOFF, COMMON, (30.0,), budget(1e6))
    assert choice is not None
    assert choice.settings["half_life_share"] == 0.05
    assert report["best"]["gap"] > report["best"]["standard_error"]


def test_nothing_after_the_cutoff_is_looked_at(learned: Part) -> None:
    """Other closes after the held-back start change the verdict, and nothing of the tuning."""
    trained = train_curve(learned.rows, learned.labels, CUTOFF, budget=budget(0.5))
    start = trained.held_back_start
    assert start is not None
    report = trained.report["tuning"]
    assert all(pd.Timestamp(origin) < start for origin in report["origins"])
    turned = learned.labels["event"].where(learned.rows["as_of"] < start, 0)
    labels = learned.labels.assign(event=turned)
    again = train_curve(learned.rows, labels, CUTOFF, budget=budget(0.5)).report
    assert again["tuning"] == report
    assert again["log_loss"] != trained.report["log_loss"]


def test_too_short_a_history_is_not_tuned(learned: Part) -> None:
    few = learned.where(np.arange(len(learned.rows)) < 20)
    choice, report = tune(few, CUTOFF, COMMON, (30.0,), budget(1e6))
    assert choice is None
    assert report["tried"] == []


def test_leads_are_also_tried_by_their_arrivals_alone(learned: Part) -> None:
    leads = Part(rows=learned.rows.rename(columns={"deal_id": "lead_id"}), labels=learned.labels)
    kept = leads.rows.groupby("lead_id").cumcount() > 0
    leads.rows["age_days"] = leads.rows["age_days"].where(kept, 0.0)
    _, report = tune(leads, CUTOFF, {**COMMON, "by": "source"}, (30.0,), budget(1e6))
    assert {"landmarks": "arrivals"} in [it["candidate"] for it in report["tried"]]


def test_deals_that_name_their_lead_are_no_leads(learned: Part) -> None:
    deals = Part(rows=learned.rows.assign(lead_id="L1"), labels=learned.labels)
    _, report = tune(deals, CUTOFF, COMMON, (30.0,), budget(1e6))
    assert {"landmarks": "arrivals"} not in [it["candidate"] for it in report["tried"]]


def test_no_time_is_no_budget() -> None:
    with pytest.raises(UsageError, match="above 0 seconds") as caught:
        budget(0.0)
    assert caught.value.code == "budget"


def test_trust_is_chosen_by_records_left_out_where_time_is_too_short(
    simulated: Callable[..., Any],
) -> None:
    """Two months: leads that say much of their outcome are trusted, others no more than usual."""
    chosen = {}
    for signal in (0.0, 2.0):
        company = simulated(900, seed=3, signal=signal)
        late = (company.rows["as_of"] >= pd.Timestamp("2024-11-01")).to_numpy()
        part = Part(rows=company.rows, labels=company.labels).where(late)
        chosen[signal] = choose_apart(part, CUTOFF, {}, (30.0,)).choice.settings["few_closes"]
    assert chosen == {0.0: CloseCurve().few_closes, 2.0: TRUST[0]}


def test_the_usual_trust_stands_where_nothing_can_be_asked(learned: Part) -> None:
    few = learned.where(np.arange(len(learned.rows)) < 20)
    assert choose_apart(few, CUTOFF, {}, (30.0,)) == Apart()
