"""What a route says of itself in the OpenAPI document: its problems and an example answer."""

from collections.abc import Sequence
from typing import Any

from closecurve.serving.problems import KINDS, MEDIA_TYPE, URN, ProblemKind
from closecurve.serving.schemas.common import ProblemAnswer

ALWAYS = ("request-invalid", "body-too-large", "host-unknown", "internal")


def responses(example: dict[str, Any], *codes: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: its answer by example, its own problems and everyone's."""
    return _with_problems({"application/json": {"example": example}}, codes)


def csv_responses(columns: Sequence[str], *codes: str) -> dict[int | str, dict[str, Any]]:
    """The same of a route that answers with a CSV file of these columns."""
    header = ",".join(columns) + "\r\n"
    return _with_problems({"text/csv": {"schema": {"type": "string"}, "example": header}}, codes)


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
