"""The demo company's teams and owners: seats that are filled, left and filled again."""

from dataclasses import dataclass

import numpy as np

from closecurve.crm.demo.days import FAR, DemoClock, Floats, Ints

TEAMS = (
    ("Americas East", "Americas", 0.24),
    ("Americas West", "Americas", 0.18),
    ("Enterprise", "Americas", 0.12),
    ("DACH", "EMEA", 0.16),
    ("UK & Nordics", "EMEA", 0.14),
    ("Greater China", "APAC", 0.16),
)
"""Team, region, share of the company's deals."""

REGIONS = ("Americas", "EMEA", "APAC")
TEAM_REGION = np.array([REGIONS.index(region) for _, region, _ in TEAMS])
TEAM_SHARE = np.array([share for _, _, share in TEAMS])

DEALS_PER_SEAT = 230
"""Deals a seat handles over the whole history: about fifty a year."""

FIRST_NAMES = (
    *("Alice", "Ben", "Carla", "David", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jonas"),
    *("Katarzyna", "Liam", "María", "Noah", "Olivia", "Priya", "Quentin", "Rosa", "Søren", "Zoë"),
)
LAST_NAMES = (
    *("Adams", "Baker", "Castillo", "Dubois", "Engström", "Fischer", "García", "Hughes", "Ito"),
    *("Jansen", "Kowalski", "Lindqvist", "Müller", "Novák", "O'Brien", "Patel", "Rossi", "Weiß"),
)
CHINESE_FAMILY = tuple("王李张刘陈杨赵黄周吴")
CHINESE_GIVEN = ("芳", "伟", "秀英", "敏", "静", "强", "磊", "洋", "丽娟", "建国")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class People:
    """All owners: first the director, then the managers of the teams, then the sellers.

    `team`, `manager` hold places in TEAMS and among the owners, -1 for none; `hired_day`,
    `left_day` (FAR while they stay). `skill` is hidden, about a standard normal. The sellers are in
    order of seat and day hired; `seats` are the numbers of the seats of each team (begin, end).
    """

    name: tuple[str, ...]
    team: Ints
    manager: Ints
    seat: Ints
    hired_day: Ints
    left_day: Ints
    skill: Floats
    seats: Ints

    def on_duty(self, team: Ints, days: Ints, rng: np.random.Generator) -> Ints:
        """An owner of the team for each day: who holds a seat drawn by lot, or the manager."""
        begin, end = self.seats[team].T
        seat = begin + (rng.random(len(team)) * (end - begin)).astype(np.int64)
        place = (
            np.searchsorted(_seat_key(self.seat, self.hired_day), _seat_key(seat, days), "right")
            - 1
        )
        place = np.maximum(place, 0)
        holds = (self.seat[place] == seat) & (days < self.left_day[place])
        return np.where(holds, place, team + 1)

    def successors(self, owner: Ints, days: Ints, rng: np.random.Generator) -> Ints:
        """Who takes over on each day: a seller of the team who stays for a year, or the manager."""
        team = np.maximum(self.team[owner], 0)
        heir = self.on_duty(team, np.minimum(days, FAR // 2), rng)
        fit = (self.left_day[heir] > days + 365) & (heir != owner)
        return np.where(fit, heir, team + 1)


def _seat_key(seat: Ints, day: Ints) -> Ints:
    return seat * np.int64(2**41) + np.minimum(day, FAR)


def draw_people(clock: DemoClock, deals: int, rng: np.random.Generator) -> People:
    """Owners enough for that many deals: a director, six managers, and one or more seats a team."""
    seat_count = np.maximum(np.rint(TEAM_SHARE * deals / DEALS_PER_SEAT), 1).astype(np.int64)
    ends = seat_count.cumsum()
    seats = np.column_stack([ends - seat_count, ends])
    seat, hired, left = _fill_seats(clock, int(ends[-1]), rng)
    teams = np.arange(len(TEAMS))
    team = np.concatenate([[-1], teams, np.searchsorted(ends, seat, side="right")])
    heads = len(TEAMS) + 1
    manager = np.where(team >= 0, team + 1, -1)
    manager[1:heads] = 0
    long_ago = np.full(heads, clock.first_day - 400)
    return People(
        name=_names(team, rng),
        team=team,
        manager=manager,
        seat=np.concatenate([np.full(heads, -1), seat]),
        hired_day=np.concatenate([long_ago, hired]),
        left_day=np.concatenate([np.full(heads, FAR), left]),
        skill=rng.normal(0, 1, len(team)),
        seats=seats,
    )


def _fill_seats(clock: DemoClock, count: int, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Who sits where: seat, day hired, day left of each holder, in order of seat and day.

    Seven in ten seats are there from the beginning, the others are opened later. A holder stays for
    two and a half years on average; the seat is then empty for a month.
    """
    last = clock.last_day
    opened = clock.first_day + np.where(
        rng.random(count) < 0.7, -rng.integers(0, 700, count), rng.integers(0, 1_300, count)
    )
    seat, hired, rows = np.arange(count), opened, []
    while len(seat):
        left = hired + 90 + rng.exponential(820, len(seat)).astype(np.int64)
        rows.append((seat, hired, np.where(left <= last, left, FAR)))
        refilled = left + rng.integers(10, 50, len(seat))
        goes_on = refilled <= last
        seat, hired = seat[goes_on], refilled[goes_on]
    seat, hired, left = (np.concatenate(column) for column in zip(*rows, strict=True))
    order = np.lexsort((hired, seat))
    return seat[order], hired[order], left[order]


def _names(team: Ints, rng: np.random.Generator) -> tuple[str, ...]:
    chinese = len(TEAMS) - 1
    first, second = rng.random((2, len(team)))
    return tuple(
        _name(CHINESE_FAMILY, CHINESE_GIVEN, a, b, "")
        if place == chinese
        else _name(FIRST_NAMES, LAST_NAMES, a, b, " ")
        for place, a, b in zip(team, first, second, strict=True)
    )


def _name(first: tuple[str, ...], second: tuple[str, ...], a: float, b: float, between: str) -> str:
    return first[int(a * len(first))] + between + second[int(b * len(second))]
