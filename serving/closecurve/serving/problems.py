"""Every error the service answers with: problem+json (RFC 9457) with a stable code.

No answer repeats what the caller sent: a wrong value may be a secret, or text that cannot be
written as JSON at all. docs/api.md lists every code; a test holds that page and `KINDS` together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from closecurve.crm.errors import ClosecurveError, EnvironmentFailure, UsageError

MEDIA_TYPE = "application/problem+json"
URN = "urn:closecurve:problem:"
MOST_ERRORS = 20
"""So many faults of one request are listed; the rest would only make the answer long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemKind:
    """One way to fail: its stable code, its HTTP status, and the rule in one sentence."""

    code: str
    status: int
    title: str
    rule: str


KINDS = {
    kind.code: kind
    for kind in (
        ProblemKind(
            code="request-invalid",
            status=422,
            title="The request breaks a rule",
            rule="Each field follows the schema; `errors` names the fields that do not.",
        ),
        ProblemKind(
            code="body-unreadable",
            status=400,
            title="The body cannot be read",
            rule="A body is one JSON object in UTF-8 that names each key once and holds no NaN.",
        ),
        ProblemKind(
            code="content-type-unsupported",
            status=415,
            title="The body is not JSON",
            rule="A body is sent with the content type application/json.",
        ),
        ProblemKind(
            code="body-too-large",
            status=413,
            title="The body is too large",
            rule="A body is not larger than the service's limit (service.most_body_bytes).",
        ),
        ProblemKind(
            code="host-unknown",
            status=400,
            title="The host is not served",
            rule="The Host header names a host of the service's list (service.allowed_hosts).",
        ),
        ProblemKind(
            code="not-found",
            status=404,
            title="Nothing is here",
            rule="The address names a page, a deal or a lead that the last publication holds.",
        ),
        ProblemKind(
            code="owner-ranking-off",
            status=404,
            title="Owners are not compared",
            rule="Owners are set side by side only where the company asked for it"
            " (funnel.owner_ranking), from 20 closed deals on.",
        ),
        ProblemKind(
            code="method-not-allowed",
            status=405,
            title="The method is not served here",
            rule="An address is asked with the methods that the OpenAPI document lists.",
        ),
        ProblemKind(
            code="cursor-invalid",
            status=422,
            title="The cursor is not one of ours",
            rule="`after` is the `next` of an earlier answer of the same publication and order.",
        ),
        ProblemKind(
            code="created-after-as-of",
            status=422,
            title="The record is younger than the as-of",
            rule="A record is created before the instant that it is scored as of.",
        ),
        ProblemKind(
            code="as-of-in-future",
            status=422,
            title="The as-of lies ahead",
            rule="What is known can only be asked as of now or earlier.",
        ),
        ProblemKind(
            code="record-refused",
            status=422,
            title="The record does not fit the company's settings",
            rule="Process, stage and currency of a record are ones that the company uses.",
        ),
        ProblemKind(
            code="record-contradicts-itself",
            status=422,
            title="The record contradicts itself",
            rule="The value of a field is the new value of its last change.",
        ),
        ProblemKind(
            code="deal-not-flagged",
            status=409,
            title="The deal has no flag",
            rule="Only a deal that the last publication flags can be snoozed.",
        ),
        ProblemKind(
            code="snooze-date",
            status=422,
            title="The date cannot be snoozed to",
            rule="A deal is snoozed until today or a later day, a year at the most.",
        ),
        ProblemKind(
            code="snooze-reason",
            status=422,
            title="The snooze has no reason",
            rule="A snooze says why, in a few words.",
        ),
        ProblemKind(
            code="idempotency-key-reused",
            status=409,
            title="The key stands for another request",
            rule="An Idempotency-Key is sent with one request, and again only with the same one.",
        ),
        ProblemKind(
            code="origin-foreign",
            status=403,
            title="The form is not ours",
            rule="A form is sent from a page of this service.",
        ),
        ProblemKind(
            code="what-if-deal",
            status=422,
            title="The deal is not open",
            rule="A deal that is taken out or moved is an open one of the last publication.",
        ),
        ProblemKind(
            code="nothing-earlier",
            status=404,
            title="There is nothing to compare with",
            rule="Two publications are compared, `from` of an earlier as-of than `to`.",
        ),
        ProblemKind(
            code="nothing-backtested",
            status=404,
            title="There is no track record yet",
            rule="A track record is that of a back-test; `closecurve backtest` makes one.",
        ),
        ProblemKind(
            code="nothing-published",
            status=503,
            title="Nothing is published yet",
            rule="Answers come from the last publication; `closecurve score` makes one.",
        ),
        ProblemKind(
            code="model-absent",
            status=503,
            title="The publication has no such model",
            rule="Live scoring needs the model of the last publication; `closecurve train` and"
            " `closecurve score` make it.",
        ),
        ProblemKind(
            code="model-unavailable",
            status=503,
            title="The model cannot be opened",
            rule="The sealed model is whole and unchanged; `closecurve train` makes a new one.",
        ),
        ProblemKind(
            code="results-unavailable",
            status=503,
            title="The results cannot be read",
            rule="The results database answers; `closecurve doctor` looks.",
        ),
        ProblemKind(
            code="request-refused",
            status=400,
            title="The request cannot be followed",
            rule="A request can be read as HTTP and follows the rules of docs/api.md.",
        ),
        ProblemKind(
            code="internal",
            status=500,
            title="The service failed",
            rule="This is a fault of the service; its log holds the cause.",
        ),
    )
}
"""Every problem by its code."""

_BY_STATUS = {
    400: "body-unreadable",
    404: "not-found",
    405: "method-not-allowed",
    415: "content-type-unsupported",
}


class Problem(Exception):
    """A request that cannot be answered; `code` is a key of `KINDS`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.kind = KINDS[code]


def problem_response(
    kind: ProblemKind, *, errors: Sequence[dict[str, str]] = (), headers: Any = None
) -> JSONResponse:
    """The answer for a problem; `errors` are pointers into the request with their rule."""
    content: dict[str, Any] = {
        "type": URN + kind.code,
        "title": kind.title,
        "status": kind.status,
        "detail": kind.rule,
    }
    if errors:
        content["errors"] = list(errors)
    return JSONResponse(content, kind.status, media_type=MEDIA_TYPE, headers=headers)


def install(app: FastAPI) -> None:
    """Answer every exception of the application's own with a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClosecurveError, _own)


def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return problem_response(error.kind)


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = KINDS[_BY_STATUS.get(error.status_code, "request-refused")]
    return problem_response(kind, headers=error.headers)


def _own(request: Request, error: Exception) -> JSONResponse:
    """An error of a lower floor: its message may name the value at fault, so only its code goes."""
    assert isinstance(error, ClosecurveError)
    if error.code in KINDS:
        return problem_response(KINDS[error.code])
    if isinstance(error, UsageError):
        return problem_response(KINDS["request-refused"])
    if isinstance(error, EnvironmentFailure):
        return problem_response(KINDS["results-unavailable"])
    raise error


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    known = _known_names(request.app.openapi())
    errors = [
        {"pointer": _pointer(fault["loc"], known), "rule": fault["type"]}
        for fault in error.errors()[:MOST_ERRORS]
    ]
    return problem_response(KINDS["request-invalid"], errors=errors)


def _pointer(place: Sequence[str | int], known: frozenset[str]) -> str:
    """Where the fault is, cut before the first name that is the caller's own."""
    parts = []
    for part in place:
        if isinstance(part, str) and part not in known:
            break
        parts.append(str(part))
    return "/" + "/".join(parts)


def _known_names(schema: dict[str, Any]) -> frozenset[str]:
    """The names that the service itself gives to parts of a request."""
    return frozenset({"body", "query", "path", *_names(schema)})


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        properties = node.get("properties")
        if isinstance(properties, dict):
            yield from properties
        if "in" in node and isinstance(node.get("name"), str):
            yield node["name"]
        for value in node.values():
            yield from _names(value)
    elif isinstance(node, list):
        for value in node:
            yield from _names(value)
