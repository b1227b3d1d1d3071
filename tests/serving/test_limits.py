"""The guards of the application: headers, hosts, faults."""

import logging
from typing import Any

import httpx
import pytest

from closecurve.crm.errors import EnvironmentFailure
from closecurve.serving.limits import HEADERS
from closecurve.stores.results import MemoryResultsStore

PATHS = ("/", "/v1/deals", "/health", "/nowhere", "/openapi.json", "/v1/deals?limit=-1")


class Failing(MemoryResultsStore):
    """A store whose reads raise what it was made with."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def latest(self) -> Any:
        raise self.error


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_security_headers(client: Any, path: str) -> None:
    response = client.get(path)
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS
    assert response.headers["cache-control"] == "no-store"


def test_the_content_policy_allows_nothing_inline(client: Any) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "127.0.0.1:9000", "[::1]:80", "[::1]"]
)
def test_the_hosts_of_the_list_are_served_on_any_port(client: Any, host: str) -> None:
    assert client.get("/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["::1", "[::1", "localhost:", "127.0.0.2", "localhost:٣"])
def test_what_only_looks_like_a_host_of_the_list_is_refused(client: Any, host: str) -> None:
    response = client.get("/health", headers={"host": host.encode()})
    assert response.status_code == 400


def test_a_fault_is_answered_without_internals_and_logged(
    serve: Any, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = serve(Failing(RuntimeError("secret detail")))
    with caplog.at_level(logging.ERROR):
        response: httpx.Response = type(client)(app).get("/v1/deals")
    assert response.status_code == 500
    assert response.json()["type"] == "urn:closecurve:problem:internal"
    assert "secret" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "secret detail" in caplog.text


def test_a_store_that_cannot_be_reached_is_503(serve: Any, client: Any) -> None:
    app = serve(Failing(EnvironmentFailure("results-database", "a store answers, got secret")))
    response = type(client)(app).get("/health")
    assert response.status_code == 503
    assert response.json()["type"] == "urn:closecurve:problem:results-unavailable"
    assert "secret" not in response.text


def test_the_body_limit_is_a_setting(serve: Any, client: Any) -> None:
    small = type(client)(serve(most_body_bytes=10))
    assert small.post("/v1/deals/score", json={}).status_code == 503
    assert small.post("/v1/deals/score", json={"stage": "Proposal"}).status_code == 413
