"""What a route says of itself in the OpenAPI document: its problems and an example answer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from functools import wraps
from typing import Any, ParamSpec

from fastapi import APIRouter, Response

from closecurve.serving.exports import csv_answer
from closecurve.serving.problems import KINDS, MEDIA_TYPE, URN, ProblemKind
from closecurve.serving.schemas.common import ProblemAnswer

CsvRows = Iterable[Mapping[str, Any]]
P = ParamSpec("P")
ALWAYS = ("request-invalid", "body-too-large", "host-unknown", "internal")


def responses(example: dict[str, Any], *codes: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: its answer by example, its own problems and everyone's."""
    return _with_problems({"application/json": {"example": example}}, codes)


def csv_route(
    router: APIRouter,
    path: str,
    columns: Sequence[str],
    summary: str,
    *,
    problems: Sequence[str] = ("nothing-published",),
    tags: list[str | Enum] | None = None,
) -> Callable[[Callable[P, CsvRows]], Callable[P, Response]]:
    """Decorates a function that gives rows: a GET of the path answers with their columns as CSV.

    The function's parameters are the route's, and the file is named as the path ends.
    """
    header = ",".join(columns) + "\r\n"
    content = {"text/csv": {"schema": {"type": "string"}, "example": header}}

    def added(rows_of: Callable[P, CsvRows]) -> Callable[P, Response]:
        @wraps(rows_of)
        def answer(*args: P.args, **kwargs: P.kwargs) -> Response:
            return csv_answer(rows_of(*args, **kwargs), columns, path.rpartition("/")[2])

        router.add_api_route(
            path,
            answer,
            tags=tags,
            summary=summary,
            response_class=Response,
            response_model=None,
            responses=_with_problems(content, problems),
        )
        return answer

    return added


def _with_problems(
    content: dict[str, Any], codes: Sequence[str]
) -> dict[int | str, dict[str, Any]]:
    by_status: dict[int | str, dict[str, Any]] = {200: {"content": content}}
    for kind in (KINDS[code] for code in (*codes, *ALWAYS)):
        entry = by_status.setdefault(kind.status, _entry(kind))
        entry["content"][MEDIA_TYPE]["examples"][kind.code] = {"value": _example(kind)}
    return by_status


def _entry(kind: ProblemKind) -> dict[str, Any]:
    schema = ProblemAnswer.model_json_schema()
    return {"description": kind.title, "content": {MEDIA_TYPE: {"schema": schema, "examples": {}}}}


def _example(kind: ProblemKind) -> dict[str, Any]:
    return {
        "type": URN + kind.code,
        "title": kind.title,
        "status": kind.status,
        "detail": kind.rule,
    }
