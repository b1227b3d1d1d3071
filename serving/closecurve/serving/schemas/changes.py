"""What changed between two publications: of a record, of the pipeline, of a forecast."""

from typing import Annotated, Literal

from pydantic import Field

from closecurve.serving.schemas.common import Answer, Instant, Probability
from closecurve.serving.schemas.forecast import ForecastScopeKind

Measure = Literal["forecast", "amount", "weighted_fixed", "weighted_history", "expected"]


class Compared(Answer):
    """The two publications that an answer compares."""

    from_publication_id: int
    from_as_of: Instant
    to_publication_id: int
    to_as_of: Instant


class PartRow(Answer):
    """What one group of features (or time, or a new model) added to a probability."""

    group: str
    name: str
    effect: float


class RecordChangeAnswer(Compared):
    """How an eventual probability moved: the effects add up to `after` less `before`."""

    before: Probability
    after: Probability
    sentence: str
    items: list[PartRow]


class KindRow(Answer):
    """All moves of one kind: their sum, and of how many deals (0: of no single one)."""

    kind: str
    name: str
    effect: float
    deal_count: int


class MoveRow(Answer):
    """What one deal adds to the difference by one kind of change.

    `before` and `after` are what the deal was worth in the measure, 0 where it did not count.
    `deal_id` is null for what is of no single deal.
    """

    deal_id: str | None
    kind: str
    name: str
    effect: float
    before: float
    after: float
    owner_id: str | None
    team: str | None
    stage: str | None


class ChangesAnswer(Compared):
    """A bridge from `start` to `end`: the effects of `kinds`, and those of all moves, add up.

    `items` are the largest moves. `is_complete` is false where a publication of an earlier release
    did not keep how likely each deal is in the period: the parts of a forecast are then coarse.
    """

    currency: str
    measure: Measure
    scope_kind: ForecastScopeKind
    scope: str
    period: str | None
    start: float
    end: float
    is_complete: bool
    kinds: list[KindRow]
    items: Annotated[list[MoveRow], Field(max_length=200)]
