"""Calls, mails, meetings and visits: how hard a deal or lead is worked on, and how they answer."""

from dataclasses import dataclass, fields

import numpy as np

from closecurve.crm.demo.days import DAY, DemoClock, Ints
from closecurve.crm.demo.deals import OPEN, STAGES, Deals
from closecurve.crm.demo.leads import Leads
from closecurve.crm.demo.paths import Paths
from closecurve.crm.demo.people import People

KINDS = ("call", "mail", "meeting", "visit")
CALL, MAIL, MEETING, VISIT = range(len(KINDS))
DIRECTIONS = ("outbound", "inbound")

STAGE_RATES = np.array([0.095, 0.12, 0.13, 0.155, 0.18])
"""Contacts a working day with an average deal, by stage."""

KIND_REACHED = np.array([[0.45, 0.92], [0.38, 0.80], [0.32, 0.75], [0.34, 0.78], [0.38, 0.84]])
"""By stage: the share of calls, then of calls and mails; the rest are meetings."""

LATE_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contacts:
    """Activities in order of their moment.

    One of `deal` and `lead` is -1; `owner` is -1 where the customer acted alone.
    """

    deal: Ints
    lead: Ints
    second: Ints
    known: Ints
    kind: Ints
    direction: Ints
    owner: Ints


def make_contacts(
    clock: DemoClock,
    people: People,
    deals: tuple[Deals, Paths],
    leads: tuple[Leads, Paths],
    rng: np.random.Generator,
) -> Contacts:
    """All activities known before the history's end."""
    parts = [
        _of_deals(clock, people, *deals, rng),
        _visits(clock, *leads, rng),
        _answers(clock, *leads, rng),
    ]
    whole = {f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Contacts)}
    late = rng.random(len(whole["known"])) < LATE_SHARE
    delay = np.minimum(rng.exponential(15 * 3_600, len(late)), 3 * DAY).astype(np.int64)
    whole["known"] = whole["second"] + np.where(late, delay, 0)
    kept = np.flatnonzero(whole["known"] < clock.until_second)
    order = kept[np.argsort(whole["second"][kept], kind="stable")]
    return Contacts(**{name: column[order] for name, column in whole.items()})


def _of_deals(
    clock: DemoClock, people: People, deals: Deals, paths: Paths, rng: np.random.Generator
) -> Contacts:
    """Contacts of open deals: more with good and quick ones, few with dormant ones."""
    segments = paths.segments(clock.until_second)
    segments = segments.where(segments.state < OPEN)
    deal, stage, dormant = segments.subject, segments.state % STAGES, segments.state >= STAGES
    warmth = (
        0.28 * deals.quality[deal] + 0.20 * deals.pace[deal] + 0.1 * people.skill[deals.owner[deal]]
    )
    place, second = segments.scatter(
        clock, STAGE_RATES[stage] * np.exp(warmth) * np.where(dormant, 0.15, 1.0), rng
    )
    drawn = rng.random(len(place))
    kind = (drawn[:, None] >= KIND_REACHED[stage[place]]).sum(axis=1)
    answering = 1 / (1 + np.exp(0.6 - 0.7 * deals.quality[deal] + 1.5 * dormant))
    deal = deal[place]
    handed = second // DAY >= deals.switch_day[deal]
    return Contacts(
        deal=deal,
        lead=np.full(len(deal), -1),
        second=second,
        known=second,
        kind=kind,
        direction=(rng.random(len(deal)) < answering[place]).astype(np.int64),
        owner=np.where(handed, deals.heir[deal], deals.owner[deal]),
    )


def _visits(clock: DemoClock, leads: Leads, paths: Paths, rng: np.random.Generator) -> Contacts:
    """What open leads do by themselves: visits of the site, and mails."""
    segments = paths.segments(clock.until_second)
    segments = segments.where(segments.state == 0)
    rate = 0.042 * np.exp(0.55 * leads.quality[segments.subject])
    place, second = segments.scatter(clock, rate, rng)
    kind = np.where(rng.random(len(place)) < 0.65, VISIT, MAIL)
    return _of_leads(segments.subject[place], second, kind, 1, np.full(len(place), -1))


def _answers(clock: DemoClock, leads: Leads, paths: Paths, rng: np.random.Generator) -> Contacts:
    """The first answers, of leads that are still open then."""
    everyone = np.arange(len(leads.created))
    open_then = paths.standing(everyone, leads.answer_second).state == 0
    lead = np.flatnonzero(open_then & (leads.answer_second < clock.until_second))
    kind = np.where(rng.random(len(lead)) < 0.55, CALL, MAIL)
    return _of_leads(lead, leads.answer_second[lead], kind, 0, leads.owner[lead])


def _of_leads(lead: Ints, second: Ints, kind: Ints, direction: int, owner: Ints) -> Contacts:
    return Contacts(
        deal=np.full(len(lead), -1),
        lead=lead,
        second=second,
        known=second,
        kind=kind,
        direction=np.full(len(lead), direction),
        owner=owner,
    )
