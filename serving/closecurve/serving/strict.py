"""Routes whose JSON bodies are read strictly: one object, UTF-8, each key once, no NaN."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from closecurve.serving.problems import Problem


class StrictRequest(Request):
    """A request that refuses what JSON leaves open. Raises Problem `body-unreadable`."""

    async def json(self) -> Any:
        try:
            return json.loads(
                (await self.body()).decode("utf-8"),
                object_pairs_hook=_unique,
                parse_constant=_refuse_constant,
            )
        except (ValueError, RecursionError) as error:
            raise Problem("body-unreadable") from error


class StrictRoute(APIRoute):
    """A route that takes its body as application/json and through `StrictRequest` only."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        has_body = self.body_field is not None

        async def handle(request: Request) -> Response:
            if has_body and not _is_json(request.headers.get("content-type", "")):
                raise Problem("content-type-unsupported")
            return await handler(StrictRequest(request.scope, request.receive))

        return handle


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Readers differ in which of two equal keys they believe, so neither is taken."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key is named once")
    return made


def _refuse_constant(name: str) -> Any:
    raise ValueError("NaN and Infinity are no JSON")
