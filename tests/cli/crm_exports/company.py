"""One small made-up company: deals, leads and calls, which every CRM writes in its own way."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

DEALS, LEADS = 160, 60
OWNERS = ("Ada Lovelace", "Carl Gauß", "Emmy Noether", "Li Wei")
ACCOUNTS = tuple(f"Account {number:02d}" for number in range(20))
SEGMENTS = ("Retail", "Industry", "Public")
REASONS = ("Price", "Timing", "Competitor")
START = datetime(2024, 1, 3, 9, 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """A deal that went through the first `reached` stages, a day of its own for each."""

    number: int
    created: datetime
    entered: tuple[datetime, ...]
    outcome: str  # won, lost, open
    closed: datetime | None
    expected: datetime
    amount: int
    owner: int
    account: int
    segment: str
    reason: str
    lead: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """A lead; `deal` is the deal it became."""

    number: int
    created: datetime
    ended: datetime | None
    deal: int | None
    owner: int

    @property
    def is_disqualified(self) -> bool:
        return self.ended is not None and self.deal is None


@cache
def deals() -> tuple[Deal, ...]:
    """The deals; of those that are old enough a third is won, and the others are lost."""
    chance = random.Random(5)
    return tuple(_deal(number, chance) for number in range(DEALS))


def _deal(number: int, chance: random.Random) -> Deal:
    created = START + timedelta(days=2 * number, minutes=number)
    won, is_open = chance.random() < 0.4, number >= DEALS - 40
    reached = 4 if won else chance.choice((1, 2, 3, 4))
    entered = tuple(created + timedelta(days=5 * k, hours=k) for k in range(reached))
    closed = None if is_open else entered[-1] + timedelta(days=6)
    return Deal(
        number=number,
        created=created,
        entered=entered,
        outcome="open" if is_open else "won" if won else "lost",
        closed=closed,
        expected=created + timedelta(days=40 + number % 9),
        amount=1000 + 137 * number,
        owner=number % len(OWNERS),
        account=chance.randrange(len(ACCOUNTS)),
        segment=chance.choice(SEGMENTS),
        reason=chance.choice(REASONS),
        lead=number if number < LEADS // 2 else None,
    )


def leads() -> list[Lead]:
    """Half of them became the deals of the same number, a fifth was disqualified."""
    made = []
    for number in range(LEADS):
        created = START - timedelta(days=3) + timedelta(days=2 * number)
        deal = number if number < LEADS // 2 else None
        ended = START + timedelta(days=2 * number) if deal is not None or number % 5 < 2 else None
        owner = number % len(OWNERS)
        made.append(Lead(number=number, created=created, ended=ended, deal=deal, owner=owner))
    return made


def calls() -> Iterator[tuple[int, datetime, str]]:
    """Activities of deals: number of the deal, instant, kind."""
    for deal in deals():
        for place, at in enumerate(deal.entered):
            yield deal.number, at + timedelta(hours=2), ("Call", "Email", "Meeting")[place % 3]
