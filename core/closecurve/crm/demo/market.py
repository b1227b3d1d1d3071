"""What the demo company sells, to whom, and when they come: products, accounts, arrivals."""

from dataclasses import dataclass

import numpy as np

from closecurve.crm.demo.days import DAY, DemoClock, Floats, Ints, months, work
from closecurve.crm.demo.people import REGIONS, TEAM_REGION, TEAM_SHARE

PRODUCTS = ("Core", "Plus", "Enterprise", "Services")
PRODUCT_SHARE = np.array([0.40, 0.30, 0.12, 0.18])
LIST_PRICE = np.array([6_000.0, 18_000.0, 75_000.0, 9_500.0])
"""In USD, before the account's size and the deal's own scope."""

INDUSTRIES = ("Manufacturing", "Software", "Retail", "Health", "Finance", "Public sector")
INDUSTRY_SHARE = np.array([0.26, 0.20, 0.16, 0.14, 0.14, 0.10])
INDUSTRY_FIT = np.array([0.30, 0.35, -0.15, 0.05, 0.0, -0.55])
"""How well each industry fits what is sold, on the scale of the hidden quality."""

CURRENCIES = ("USD", "EUR", "CNY")
BASE_RATE = np.array([1.0, 1.10, 0.145])
"""USD for one unit, from where the exchange rates wander.

A region pays in the currency of its place here: the Americas in USD, EMEA in EUR, APAC in CNY."""

ARRIVAL_SEASON = np.array([0.98, 1.02, 1.08, 1.0, 1.02, 1.0, 0.88, 0.82, 1.10, 1.08, 1.04, 0.86])
"""How many come, by month."""

GROWTH = 0.12
"""Growth of arrivals in a year."""

STEMS = (
    *("Aurora", "Blue Ridge", "Cobalt", "Dunmore", "Évora", "Fjord", "Granite", "Harbor", "Iberia"),
    *("Juniper", "Kestrel", "Łódź", "Meridian", "Nordlicht", "Orchard", "Pinnacle", "Quarry"),
    *("Rhône", "Summit", "Tidewater", "Umbra", "Vega", "Westbrook", "Ypsilon", "Zürich"),
)
ENDINGS = (
    "Systems",
    "Industries",
    "Labs",
    "Group",
    "Logistics",
    "GmbH",
    "Ltd",
    "Partners",
    "& Co.",
)
CHINESE_STEMS = ("华东", "北方", "长江", "金桥", "东海", "新城", "中科", "南山", "锦绣", "天元")
CHINESE_ENDINGS = (
    "精密机械有限公司",
    "软件有限公司",
    "贸易集团",
    "医疗科技有限公司",
    "电子股份有限公司",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Accounts:
    """The companies that deals and leads belong to, all arrays (n,).

    `quality` is hidden, a standard normal; `weight` says how much of the business an account has.
    """

    name: tuple[str, ...]
    team: Ints
    industry: Ints
    employees: Ints
    quality: Floats
    weight: Floats

    @property
    def region(self) -> Ints:
        """The place of each account's region in REGIONS."""
        region: Ints = TEAM_REGION[self.team]
        return region

    @property
    def size(self) -> Floats:
        """How large an account is: about -1.5 to 2, 0 at 120 employees."""
        return np.log(self.employees / 120) / 2

    def drawn(self, count: int, rng: np.random.Generator) -> Ints:
        """Accounts by lot, by weight: a few of them come often."""
        reached = self.weight.cumsum()
        drawn: Ints = np.searchsorted(reached, rng.random(count) * reached[-1], side="right")
        return drawn


def draw_accounts(deals: int, rng: np.random.Generator) -> Accounts:
    """Accounts for that many deals: two for three deals, a few of them with many deals."""
    count = max(3, deals * 2 // 3)
    team = rng.choice(len(TEAM_SHARE), count, p=TEAM_SHARE)
    return Accounts(
        name=_account_names(team, rng),
        team=team,
        industry=rng.choice(len(INDUSTRIES), count, p=INDUSTRY_SHARE),
        employees=np.clip(np.exp(rng.normal(4.8, 1.5, count)), 3, 90_000).astype(np.int64),
        quality=rng.normal(0, 1, count),
        weight=0.25 + rng.pareto(1.4, count).clip(max=60),
    )


def _account_names(team: Ints, rng: np.random.Generator) -> tuple[str, ...]:
    apac = TEAM_REGION[team] == REGIONS.index("APAC")
    words = rng.random((2, len(team)))
    return tuple(
        _account_name(number, bool(chinese), a, b)
        for number, (chinese, a, b) in enumerate(zip(apac, *words, strict=True), 1)
    )


def _account_name(number: int, chinese: bool, a: float, b: float) -> str:
    if chinese:
        stem, ending = CHINESE_STEMS, CHINESE_ENDINGS
        return f"{stem[int(a * len(stem))]}{ending[int(b * len(ending))]}{number}"
    return f"{STEMS[int(a * len(STEMS))]} {ENDINGS[int(b * len(ENDINGS))]} {number}"


def arrivals(clock: DemoClock, count: int, rng: np.random.Generator) -> Ints:
    """When `count` subjects come, in order: by season, on working days, 12 % more every year."""
    days = np.arange(clock.first_day, clock.until_second // DAY, dtype=np.int64)
    pull = work(days) * ARRIVAL_SEASON[months(days)] * (1 + GROWTH) ** ((days - days[0]) / 365.25)
    day = rng.choice(days, count, p=pull / pull.sum())
    return np.sort(clock.at(day, rng))
