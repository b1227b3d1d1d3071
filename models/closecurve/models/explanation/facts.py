"""The population behind a reason: how deals fared that stood as this one does, and the others.

Learned from the training panel alone. A share is that of the ends that were wins, by the product
limit, so that what is still open counts as long as it was watched; a deal counts once for each
landmark at which it stood so. Nothing is said of fewer than `LEAST_DEALS` deals or `LEAST_OWNERS`
owners on either side: a fact is about a population, and no reader learns of a colleague by it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.errors import UsageError
from closecurve.features.catalog import spec_of
from closecurve.models.encoding import as_text
from closecurve.models.panel import id_column
from closecurve.models.product_limit import product_limit

Bools = NDArray[np.bool_]
Codes = NDArray[np.int64]
Value = float | str | None

LEAST_DEALS = 30
LEAST_OWNERS = 5
MOST_LANDMARKS = 20_000
"""The newest landmarks that facts are learned from: enough for a share to a point."""

CUTS = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Quantiles of a number at which the population is cut in two."""

MOST_VALUES = 50
"""Values of a category that are looked at, the commonest first."""

LEAST_GAP = 0.02
"""Rates nearer to each other than two points explain nothing."""

WON = 1
SIDES = ("at_least", "below", "is", "absent", "present")
SPLITS = ("at_least", "is", "absent")
NOT_TOLD = (
    "owner_id",
    "created_weekday",
    "created_hour",
    "fiscal_quarter",
    "stage_order",
    "activity_trend",
)
"""Columns without facts: the first would name a colleague, the next three have no more and less,
the last two are not told in numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Of those whose `feature` is so (`side` of `bound`) and of the others: the shares won.

    Rates are 0..1 of the deals that ended; counts are deals.
    """

    feature: str
    side: str
    bound: Value
    rate: float
    count: int
    other_rate: float
    other_count: int

    def __post_init__(self) -> None:
        if self.side not in SIDES:
            raise UsageError("fact-side", f"a fact's side is one of {SIDES}, got {self.side!r}")

    def supports(self, delta: float) -> bool:
        """Whether the population clearly points the way that the probability moved."""
        gap = self.rate - self.other_rate
        return abs(gap) >= LEAST_GAP and gap * delta > 0

    def turned(self) -> Self:
        """The same fact told of the other side."""
        return type(self)(
            feature=self.feature,
            side={"at_least": "below", "absent": "present"}[self.side],
            bound=self.bound,
            rate=self.other_rate,
            count=self.other_count,
            other_rate=self.rate,
            other_count=self.count,
        )

    def to_json(self) -> dict[str, Any]:
        """The fact as a JSON object."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All facts of a panel by feature: numbers at rising bounds, categories by value, absence."""

    by_feature: Mapping[str, Sequence[Fact]]

    def about(self, feature: str, value: Value, typical: Value) -> Fact | None:
        """The fact that sets a value apart from the typical one; None where there is none."""
        known = self.by_feature.get(feature, ())
        if value is None or typical is None:
            return _of_absence(known, value, typical)
        if isinstance(value, str) or isinstance(typical, str):
            return next((fact for fact in known if fact.side == "is" and fact.bound == value), None)
        return _of_number([fact for fact in known if fact.side == "at_least"], value, typical)

    def to_json(self) -> list[dict[str, Any]]:
        """A value that `from_json` reads back."""
        return [fact.to_json() for facts in self.by_feature.values() for fact in facts]

    @classmethod
    def from_json(cls, value: Sequence[Mapping[str, Any]]) -> Self:
        """The facts that `to_json` wrote."""
        made: dict[str, list[Fact]] = {}
        for entry in value:
            made.setdefault(entry["feature"], []).append(Fact(**entry))
        return cls(by_feature=made)


def learn_facts(rows: pd.DataFrame, labels: pd.DataFrame, kinds: Mapping[str, str]) -> Facts:
    """The facts of a panel's newest landmarks, about the features in `kinds`."""
    population = _Population.of(rows.tail(MOST_LANDMARKS), labels.tail(MOST_LANDMARKS))
    made = {
        feature: [fact for fact in population.facts(feature, kind) if fact is not None]
        for feature, kind in kinds.items()
        if feature not in NOT_TOLD
    }
    return Facts(by_feature={feature: facts for feature, facts in made.items() if facts})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Population:
    """Landmarks with what became of each; `deal` and `owner` are codes, an absent owner -1.

    `in_time` orders them by duration, so that the product limit of a part finds it sorted.
    """

    rows: pd.DataFrame
    event: Codes
    duration: NDArray[np.float64]
    in_time: Codes
    deal: Codes
    owner: Codes

    @classmethod
    def of(cls, rows: pd.DataFrame, labels: pd.DataFrame) -> Self:
        column = id_column(rows)
        none = np.full(len(rows), -1)
        duration = labels["duration_days"].to_numpy(dtype=np.float64)
        return cls(
            rows=rows,
            event=labels["event"].to_numpy(dtype=np.int64),
            duration=duration,
            in_time=np.argsort(duration, kind="stable"),
            deal=np.arange(len(rows)) if column is None else pd.factorize(rows[column])[0],
            owner=pd.factorize(rows["owner_id"])[0] if "owner_id" in rows else none,
        )

    def facts(self, feature: str, kind: str) -> Iterator[Fact | None]:
        """The facts of one feature; None where too few stand behind one."""
        column = self.rows[feature]
        absent = column.isna().to_numpy(dtype=bool)
        yield self._fact(feature, "absent", None, absent, ~absent)
        if kind == "category":
            texts = as_text(column).fillna("").to_numpy(dtype=object)
            for value in pd.Series(texts[~absent]).value_counts().head(MOST_VALUES).index:
                yield self._fact(feature, "is", str(value), texts == value, texts != value)
            return
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        for bound in _bounds(numbers[~absent], feature):
            yield self._fact(feature, "at_least", bound, numbers >= bound, numbers < bound)

    def _fact(
        self, feature: str, side: str, bound: Value, here: Bools, others: Bools
    ) -> Fact | None:
        counts = [self._deals(mask) for mask in (here, others)]
        if min(counts) < LEAST_DEALS or not all(map(self._is_told, (here, others))):
            return None
        used = self.in_time[(here | others)[self.in_time]]
        limit = product_limit(others[used].astype(np.intp), self.duration[used], self.event[used])
        rate, other_rate = limit.share(WON, 2).tolist()
        if np.isnan([rate, other_rate]).any():
            return None
        return Fact(
            feature=feature,
            side=side,
            bound=bound,
            rate=rate,
            count=counts[0],
            other_rate=other_rate,
            other_count=counts[1],
        )

    def _deals(self, mask: Bools) -> int:
        return _distinct(self.deal[mask])

    def _is_told(self, mask: Bools) -> bool:
        """Whether enough owners stand behind a fact; where none is recorded none is hidden."""
        if (self.owner < 0).all():
            return True
        return _distinct(self.owner[mask & (self.owner >= 0)]) >= LEAST_OWNERS


def _distinct(codes: Codes) -> int:
    return int(np.count_nonzero(np.bincount(codes)))


def _bounds(known: NDArray[np.float64], feature: str) -> list[float]:
    """Round numbers near the quantiles, such as people say, that leave something below them."""
    if not len(known):
        return []
    spec = spec_of(feature, is_number=True)
    is_share = spec is not None and spec.unit in ("rate", "times", "-1 to 1")
    found = {_round(float(value), is_share) for value in np.quantile(known, CUTS)}
    return sorted(bound for bound in found if bound > known.min())


def _round(value: float, is_share: bool) -> float:
    """Two leading digits; below 10 a whole number, at least 1, but for shares and ratios."""
    if is_share:
        return round(value, 2)
    if abs(value) < 10:
        return float(max(round(value), 1)) if value >= 0 else float(round(value))
    return float(f"{value:.2g}")


def _of_absence(known: Sequence[Fact], value: Value, typical: Value) -> Fact | None:
    """Absent here and not there, or the other way round; both absent tells nothing."""
    fact = next((fact for fact in known if fact.side == "absent"), None)
    if fact is None or (value is None) == (typical is None):
        return None
    return fact if value is None else fact.turned()


def _of_number(known: Sequence[Fact], value: float, typical: float) -> Fact | None:
    """The bound between the typical value and this one that lies nearest to this one."""
    between = [
        fact
        for fact in known
        if isinstance(fact.bound, float)
        and (typical < fact.bound <= value or value < fact.bound <= typical)
    ]
    if not between:
        return None
    return between[-1] if value > typical else between[0].turned()
