"""What every request passes on its way in and every answer on its way out.

Plain ASGI middleware, outermost first: `SecurityHeaders`, `Faults`, `Hosts`, `BodyLimit`.
"""

import logging
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from closecurve.serving.problems import KINDS, problem_response

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
DROPPED_TIMES = 4
"""A body up to so many times the limit is read to its end; a larger one is cut off."""
logger = logging.getLogger(__name__)


class SecurityHeaders:
    """Puts the security headers on every answer, and `no-store` where nothing else is said."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self.app(scope, receive, send_with_headers)


class Faults:
    """Turns what nobody caught into a problem without internals; the log holds the cause."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except Exception:
            if started or scope["type"] != "http":
                raise
            logger.exception("a request failed: %s", scope["path"].encode("ascii", "replace"))
            await problem_response(KINDS["internal"])(scope, receive, send)


class Hosts:
    """Serves only the hosts of its list, so that no other site's name can stand in an answer."""

    def __init__(self, app: ASGIApp, allowed_hosts: Sequence[str]) -> None:
        self.app = app
        self.allowed_hosts = frozenset(host.lower() for host in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_served(Headers(scope=scope).getlist("host")):
            await problem_response(KINDS["host-unknown"])(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _is_served(self, values: list[str]) -> bool:
        if len(values) != 1:
            return False
        host, colon, port = values[0].lower().rpartition(":")
        if not colon or values[0].endswith("]"):
            return values[0].lower() in self.allowed_hosts
        return port.isascii() and port.isdigit() and host in self.allowed_hosts


class BodyLimit:
    """Reads a body up to its limit before anything else sees it, and answers 413 beyond.

    Memory stays bounded whatever Content-Length claims, also for a body sent in chunks. Of a body
    not much above the limit the rest is read and dropped, so that its sender gets to the answer.
    """

    def __init__(self, app: ASGIApp, most_body_bytes: int) -> None:
        self.app = app
        self.most_body_bytes = most_body_bytes
        self.most_read_bytes = DROPPED_TIMES * most_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = None if self._claims_too_much(scope) else await self._read(receive)
        if body is None:
            response = problem_response(KINDS["body-too-large"], headers={"connection": "close"})
            await response(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)

    def _claims_too_much(self, scope: Scope) -> bool:
        length = Headers(scope=scope).get("content-length", "0")
        return length.isdigit() and (len(length) > 18 or int(length) > self.most_read_bytes)

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body (of a caller who left: what there is); None when it is too large."""
        kept, read, more = bytearray(), 0, True
        while more and read <= self.most_read_bytes:
            message = await receive()
            part = message.get("body", b"")
            read += len(part)
            if read <= self.most_body_bytes:
                kept += part
            more = message.get("more_body", False)
        return bytes(kept) if read <= self.most_body_bytes else None


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once, then what the server has to say (a disconnect)."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay
