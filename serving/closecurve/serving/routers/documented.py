"""What a route says of itself in the OpenAPI document: its problems and an example answer."""

from typing import Any

from closecurve.serving.problems import KINDS, MEDIA_TYPE, URN, ProblemKind
from closecurve.serving.schemas.common import ProblemAnswer

ALWAYS = ("request-invalid", "body-too-large", "host-unknown", "internal")


def responses(example: dict[str, Any], *codes: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: its answer by example, its own problems and everyone's."""
    by_status: dict[int | str, dict[str, Any]] = {
        200: {"content": {"application/json": {"example": example}}}
    }
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
