"""The language that reasons are told in: asked for by name, else by the reader's browser."""

from typing import Annotated, Literal

from fastapi import Depends, Header, Query

from closecurve.models.explanation.words import LANGUAGES, Wording
from closecurve.serving.summary import Summary
from closecurve.stores.results import PublicationHead

MOST_HEADER = 1_000
"""A longer Accept-Language was not written by a browser; it is not read."""

Asked = Annotated[
    Literal["en", "zh"] | None,
    Query(description="The language of sentences; Accept-Language where it is absent."),
]
Accepted = Annotated[str | None, Header(include_in_schema=False)]


def language_of(language: Asked = None, accept_language: Accepted = None) -> str:
    """The language of an answer: the one asked for, else the first that both sides know."""
    return language or negotiated(accept_language or "")


Language = Annotated[str, Depends(language_of)]


def negotiated(accepted: str) -> str:
    """The best of our languages for an Accept-Language header, English where none fits.

    >>> negotiated("de, zh-CN;q=0.9, en;q=0.8"), negotiated("en-GB,zh;q=0.2"), negotiated("zh;q=0")
    ('zh', 'en', 'en')
    """
    ranges = [] if len(accepted) > MOST_HEADER else accepted.split(",")
    weighed = [(_weight(each), each.strip().lower()[:2]) for each in ranges]
    known = [(weight, name) for weight, name in weighed if weight > 0 and name in LANGUAGES]
    # Of equal weights the first stands: `max` keeps it.
    return max(known, key=lambda pair: pair[0], default=(0.0, LANGUAGES[0]))[1]


def wording(head: PublicationHead, subject: str, language: str) -> Wording:
    """How the reasons of a publication are told."""
    return Wording(language=language, subject=subject, currency=Summary.of(head).currency)


def _weight(accepted: str) -> float:
    _, _, quality = accepted.partition(";q=")
    try:
        return float(quality) if quality else 1.0
    except ValueError:
        return 0.0
