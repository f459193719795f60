"""Journey: whatever is sent to the routes of keys, money and targets is refused in the family's form, never a 500."""

import http.client
import itertools
import json
import uuid
from typing import Any

import pytest

from tests.journeys.clients.aichat import new_id
from tests.journeys.service import Service

ROUTES = (
    ("GET", "/api/v1/keys/{}"),
    ("PATCH", "/api/v1/keys/{}"),
    ("DELETE", "/api/v1/keys/{}"),
    ("POST", "/api/v1/keys/{}/rotate"),
    ("GET", "/api/v1/runs/{}/cost"),
)
IDS = ("%00", "a%00b", "%ff%fe", "..%2f..", "key_%D9%A1", "'%20OR%201=1", "%0d%0aX:%20y", "x" * 10_000, "-1")
QUERIES = (
    "limit=-1",
    "limit=0",
    "limit=%D9%A3",
    "limit=1e3",
    f"limit={'9' * 400}",
    "cursor=%00",
    f"cursor={'y' * 5000}",
)
# As they stand in a body: some are no Python value.
VALUES = (
    "true",
    "-1",
    "1.5",
    "1e400",
    f"1{'0' * 400}",
    '"\\u0000"',
    '"\\ud800"',
    '"\\u0661"',
    "[null]",
    "[[1]]",
    "{}",
    "NaN",
)
FIELDS = ("scopes", "models", "expires_at", "requests_per_minute", "previous_works_for")
BODIES = (
    b'{"name": "a\\u0000"}',
    b'{"name": 5}',
    b"",
    b"{",
    b"null",
    b"[]",
    b"\xff\xfe",
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
)


@pytest.fixture(scope="module")
def manager(service: Service) -> str:
    return service.create_key(new_id(), *itertools.chain(*(("--scope", scope) for scope in ("api", "keys"))))


def send(service: Service, key: str, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
    """Of http.client, which changes no byte of a path."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    status, answer = response.status, json.loads(response.read())
    connection.close()
    return status, answer


def assert_refused(status: int, answer: Any, *expected: int) -> None:
    assert status in expected, answer
    assert answer.keys() == {"error", "trace_id"}
    assert answer["error"].keys() == {"code", "message"}
    assert len(answer["error"]["message"]) < 500
    assert str(uuid.UUID(answer["trace_id"])) == answer["trace_id"]


@pytest.mark.parametrize("public_id", IDS, ids=lambda text: text[:12])
def test_an_id_that_cannot_be_one_is_not_found(service: Service, manager: str, public_id: str) -> None:
    for method, route in ROUTES:
        body = b"{}" if method in ("PATCH", "POST") else None

        assert_refused(*send(service, manager, method, route.format(public_id), body), 400, 404)


@pytest.mark.parametrize("query", QUERIES, ids=lambda text: text[:12])
def test_a_query_that_cannot_be_one_is_400(service: Service, manager: str, query: str) -> None:
    assert_refused(*send(service, manager, "GET", f"/api/v1/keys?{query}"), 400)


@pytest.mark.parametrize("path", ["/api/v1/balance?%00=1", "/api/v1/balance?x=%00"])
def test_a_query_that_no_column_holds_is_400(service: Service, manager: str, path: str) -> None:
    assert_refused(*send(service, manager, "GET", path), 400)


@pytest.mark.parametrize("field", FIELDS)
def test_a_value_of_another_kind_is_400(service: Service, manager: str, field: str) -> None:
    path = "/api/v1/keys/key_x/rotate" if field == "previous_works_for" else "/api/v1/keys"
    for value in VALUES:
        assert_refused(*send(service, manager, "POST", path, f'{{"{field}": {value}}}'.encode()), 400, 404)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: str(body[:8]))
def test_a_body_that_cannot_be_one_is_400(service: Service, manager: str, body: bytes) -> None:
    for path in ("/api/v1/keys", "/api/v1/keys/key_x/rotate"):
        assert_refused(*send(service, manager, "POST", path, body), 400, 404, 413)


def test_nothing_was_made(service: Service, manager: str) -> None:
    status, answer = send(service, manager, "GET", "/api/v1/keys")

    assert (status, len(answer["results"])) == (200, 1)
