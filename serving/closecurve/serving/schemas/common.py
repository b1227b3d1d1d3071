"""The types that every schema shares: sound text, instants with a zone, probabilities, pages."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self

import pandas as pd
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from closecurve.serving.summary import Summary
from closecurve.stores.results import PublicationHead

MOST_TEXT = 500


def _sound(text: str) -> str:
    """Text that every store and every reader can hold: no NUL, no lone surrogate."""
    if any(mark == "\x00" or "\ud800" <= mark <= "\udfff" for mark in text):
        raise ValueError("text holds neither NUL nor lone surrogates")
    return text


def _written(value: object) -> object:
    """An instant or a day comes as ISO text: a bare number would be read as seconds or as days."""
    if not isinstance(value, str) or len(value) > 40:
        raise ValueError("an instant or a day is ISO text")
    return value


def _in_years(value: datetime | date) -> datetime | date:
    if not 1900 <= value.year <= 2200:
        raise ValueError("a year is 1900 to 2200")
    return value


def _zoned(value: datetime) -> str:
    """A stored instant (naive, UTC) or one with a zone, as ISO text that ends in Z."""
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return aware.isoformat().replace("+00:00", "Z")


Text = Annotated[str, StringConstraints(min_length=1, max_length=MOST_TEXT), AfterValidator(_sound)]
Cursor = Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(_sound)]
PostedInstant = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_in_years)]
PostedDay = Annotated[date, BeforeValidator(_written), AfterValidator(_in_years)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Instant = Annotated[
    datetime,
    PlainSerializer(_zoned, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Posted(BaseModel):
    """A body or a part of one: unknown fields, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Answer(BaseModel):
    """An answer or a part of one: every field is always there, null where it is unknown."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Published(Answer):
    """Which publication an answer was read from."""

    publication_id: int
    as_of: Instant

    @classmethod
    def of(cls, head: PublicationHead, /, **parts: Any) -> Self:
        """The answer of these parts; `currency` is the company's unless a part says another."""
        source = {"publication_id": head.publication_id, "as_of": head.as_of}
        return cls.model_validate({"currency": Summary.of(head).currency} | parts | source)


class Curve(Answer):
    """The close curve: by `days` after the as-of, the probability of each end by then."""

    days: list[float]
    won: list[Probability]
    lost: list[Probability]


class Fact(Answer):
    """The population behind a reason: what was won of those that stood so, and of the others."""

    feature: str
    side: Literal["at_least", "below", "is", "absent", "present"]
    bound: str | float | None
    rate: Probability
    count: int
    other_rate: Probability
    other_count: int


class Reason(Answer):
    """Why the probability stands where it stands: by feature group, against what is typical."""

    group: str
    direction: Literal["raises", "lowers"]
    delta_probability: float
    sentence: str
    feature: str
    value: str | float | None
    typical: str | float | None
    fact: Fact | None


class Explained(Answer):
    """Why: the contributions of the groups add up to the probability less the cohort's.

    The probability is the eventual one; that of the cohort is its typical deal's.
    """

    cohort_probability: Probability | None
    contributions: dict[str, float]
    reasons: list[Reason]


class ProblemAnswer(BaseModel):
    """A problem as of RFC 9457; docs/api.md lists the codes at the end of `type`."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] | None = None


def naive_utc(value: datetime) -> pd.Timestamp:
    """A posted instant as the floors below know it: naive, in UTC, to the microsecond.

    >>> naive_utc(datetime.fromisoformat("2026-01-01T01:00:00+01:00"))
    Timestamp('2026-01-01 00:00:00')
    """
    return pd.Timestamp(value.astimezone(UTC).replace(tzinfo=None)).as_unit("us")


def example(value: dict[str, Any]) -> ConfigDict:
    """The settings of a schema that carries an example into the OpenAPI document."""
    return ConfigDict(json_schema_extra={"examples": [value]})
