"""What nobody should send: every answer is a small problem, quick, and repeats nothing."""

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from closecurve.serving.problems import KINDS, MEDIA_TYPE, URN

MARKER = "zebra-7f3a"
DEAL: dict[str, Any] = {"created_at": "2026-01-05T09:30:00Z", "stage": "Proposal"}


def body(**fields: Any) -> bytes:
    return json.dumps(DEAL | fields).encode()


def raw(field: str, text: str) -> bytes:
    return b'{"created_at": "2026-01-05T09:30:00Z", "stage": "Proposal", "%s": %s}' % (
        field.encode(),
        text.encode(),
    )


BAD_BODIES: dict[str, tuple[bytes, int]] = {
    "NaN": (raw("amount", "NaN"), 400),
    "infinity": (raw("amount", "-Infinity"), 400),
    "a number beyond a double": (raw("amount", "1e999"), 422),
    "a whole number of 400 digits": (raw("amount", "9" * 400), 422),
    "a whole number of 5,000 digits": (raw("amount", "9" * 5_000), 400),
    "a negative amount": (body(amount=-1), 422),
    "an amount as text": (body(amount=MARKER), 422),
    "a truth value as amount": (body(amount=True), 422),
    "a lone surrogate": (raw("stage2", '"\\ud800"'), 422),
    "a lone surrogate in a value": (raw("owner_id", '"\\udfff"'), 422),
    "a lone surrogate in a key": (raw("\\ud800", "1"), 422),
    "NUL in a value": (raw("owner_id", '"a\\u0000b"'), 422),
    "NUL in an attribute's name": (raw("attributes", '{"a\\u0000": 1}'), 422),
    "an unknown field": (body(**{MARKER: MARKER}), 422),
    "a doubled key": (raw("stage", '"Closing"'), 400),
    "invalid UTF-8": (raw("owner_id", '"x"').replace(b"x", b"\xff\xfe"), 400),
    "UTF-16": (body().decode().encode("utf-16"), 400),
    "deep lists": (b"[" * 50_000 + b"]" * 50_000, 400),
    "deep attributes": (raw("attributes", '{"a":' * 500 + "1" + "}" * 500), 422),
    "a list": (b"[1, 2]", 422),
    "a number": (b"7", 422),
    "nothing": (b"", 422),
    "half a body": (body()[:-3], 400),
    "an instant without a zone": (body(created_at="2026-01-05T09:30:00"), 422),
    "an instant as a number": (body(created_at=1), 422),
    "the year 10000": (body(created_at="10000-01-01T00:00:00Z"), 422),
    "the year 1": (body(created_at="0001-01-01T00:00:00+14:00"), 422),
    "31 February": (body(expected_close_date="2026-02-31"), 422),
    "a day as a number": (body(expected_close_date=20), 422),
    "no stage": (b'{"created_at": "2026-01-05T09:30:00Z"}', 422),
    "an empty stage": (body(stage=""), 422),
    "a long stage": (body(stage=MARKER * 100), 422),
    "a currency in small letters": (body(currency="usd"), 422),
    "a list as attribute": (body(attributes={MARKER: [1]}), 422),
    "too many attributes": (body(attributes={f"a{i}": i for i in range(201)}), 422),
    "too many changes": (
        body(changes=[{"field": "stage", "event_at": DEAL["created_at"]}] * 2001),
        422,
    ),
    "a body above the limit": (body(stage="x" * 1_000_001), 413),
}
BAD_ADDRESSES = {
    "a limit of 2^70": (f"/v1/deals?limit={2**70}", 422),
    "a negative limit": ("/v1/deals?limit=-1", 422),
    "a limit of none": ("/v1/deals?limit=0", 422),
    "a limit in words": (f"/v1/deals?limit={MARKER}", 422),
    "an unknown order": (f"/v1/deals?order={MARKER}", 422),
    "an unknown grade": (f"/v1/leads?grade={MARKER}", 422),
    "a cursor that is none": (f"/v1/deals?after={MARKER}", 422),
    "a cursor that is JSON": ("/v1/deals?after=WzEsMiwzLDRd", 422),
    "a cursor of another order": (
        "/v1/leads?after=WzIsICItd2luX3Byb2JhYmlsaXR5X3F1YXJ0ZXIiLCAwLjUsICJkLTEiXQ",
        422,
    ),
    "an endless cursor": ("/v1/deals?after=" + "A" * 3_000, 422),
    "NUL in the query": ("/v1/deals?owner_id=a%00b", 422),
    "NUL in the path": ("/v1/deals/a%00b", 422),
    "NUL in a page's path": ("/deals/a%00b", 422),
    "invalid UTF-8 in the path": ("/v1/deals/%ff%fe", 404),
    "an unknown period": (f"/v1/forecast?period={MARKER}", 422),
    "a period of year 0": ("/v1/forecast?period=0000-01-01", 422),
    "an unknown scope kind": (f"/v1/funnel?scope_kind={MARKER}", 422),
    "dots in a static name": ("/static/..%2f..%2fapp.py", 404),
    "doubled slashes": ("//v1//deals", 404),
    "an unknown deal": (f"/v1/deals/{MARKER}", 404),
    "an unknown lead": (f"/v1/leads/{MARKER}", 404),
    "an unknown address": (f"/{MARKER}", 404),
}


@pytest.fixture
def connection(address: str) -> Iterator[http.client.HTTPConnection]:
    """A client that sends what it is told to, through a real server."""
    made = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    yield made
    made.close()


def check(response: http.client.HTTPResponse, status: int) -> None:
    content = response.read().decode()
    assert response.status == status, content
    assert response.headers["content-type"] == MEDIA_TYPE
    problem = json.loads(content)
    assert problem["type"].removeprefix(URN) in KINDS
    assert problem["status"] == status
    assert len(content) < 4_000
    assert MARKER not in content


@pytest.mark.parametrize("case", BAD_BODIES)
def test_a_bad_body_is_refused(connection: http.client.HTTPConnection, case: str) -> None:
    content, status = BAD_BODIES[case]
    connection.request("POST", "/v1/deals/score", content, {"content-type": "application/json"})
    check(connection.getresponse(), status)


@pytest.mark.parametrize("case", BAD_ADDRESSES)
def test_a_bad_address_is_refused(connection: http.client.HTTPConnection, case: str) -> None:
    path, status = BAD_ADDRESSES[case]
    connection.request("GET", path)
    check(connection.getresponse(), status)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_body_of_another_type_is_refused(
    connection: http.client.HTTPConnection, content_type: str
) -> None:
    connection.request("POST", "/v1/deals/score", body(), {"content-type": content_type})
    check(connection.getresponse(), 415)


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/v1/deals"), ("POST", "/"), ("PUT", "/v1/deals/score")]
)
def test_another_method_is_refused(
    connection: http.client.HTTPConnection, method: str, path: str
) -> None:
    connection.request(method, path, b"", {"content-length": "0"})
    check(connection.getresponse(), 405)


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "", "localhost:x", "a b"]
)
@pytest.mark.parametrize("path", ["/", "/v1/deals", "/health"])
def test_a_foreign_host_is_refused_and_not_repeated(
    connection: http.client.HTTPConnection, host: str, path: str
) -> None:
    connection.request("GET", path, headers={"host": host})
    check(connection.getresponse(), 400)


def test_an_endless_body_in_chunks_is_cut_at_the_limit(address: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(300):
            sent += 1_000_000
            yield b" " * 1_000_000

    headers = {"content-type": "application/json", "transfer-encoding": "chunked"}
    try:
        connection.request("POST", "/v1/deals/score", chunks(), headers, encode_chunked=True)
    except (BrokenPipeError, ConnectionResetError):
        pass  # The server has answered and hung up while the client still sent.
    check(connection.getresponse(), 413)
    connection.close()
    assert sent < 50_000_000


def test_a_body_that_claims_to_be_large_is_refused_before_it_is_read(address: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    connection.putrequest("POST", "/v1/deals/score")
    connection.putheader("content-type", "application/json")
    connection.putheader("content-length", str(300_000_000))
    connection.endheaders()
    check(connection.getresponse(), 413)
    connection.close()
