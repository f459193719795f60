"""Which Host the service answers to, and what it does with it."""

import re
from typing import Any

import httpx
import orjson
import pytest

from conversations.views.schema import document
from project.web.handler import Handler

REFUSED = "The Host header names no host that this server answers to."
ROUTES = [
    (method, re.sub(r"\{\w+\}", "x", path))
    for path, methods in orjson.loads(document.PATH.read_bytes())["paths"].items()
    for method in methods
    if method in ("get", "post", "put", "patch", "delete") and path not in ("/healthz", "/readyz")
]
OTHERS = [
    ("get", "/api/schema"),
    ("get", "/v1/nothing"),
    ("post", "/openai/chat/completions"),
    ("put", "/"),
    ("get", "/mj"),
]


@pytest.fixture
def only_ours(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["api.example.com", ".internal.example", "my_host"]


async def ask(path: str, *, host: str, method: str = "get") -> httpx.Response:
    """Without a database: a query would fail the test."""
    transport = httpx.ASGITransport(app=Handler(), raise_app_exceptions=True)  # type: ignore[arg-type] # untyped there
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        return await client.request(method, path, headers={"Host": host, "Authorization": "Bearer sk-x"})


@pytest.mark.usefixtures("only_ours")
@pytest.mark.parametrize(("method", "path"), [*ROUTES, *OTHERS])
async def test_refuses_another_host_on_every_route(method: str, path: str) -> None:
    response = await ask(path, host="attacker.example", method=method)

    assert response.status_code == 400
    if path.startswith("/v1/openapi"):
        assert response.json() == {"Code": 400, "Data": None, "Msg": REFUSED}
        return
    error = response.json()["error"]
    assert error["message"] == REFUSED
    is_openai = path.startswith(("/v1", "/openai", "/mj"))
    assert error.get("type") == ("invalid_request_error" if is_openai else None)


@pytest.mark.usefixtures("only_ours")
@pytest.mark.parametrize(
    "host",
    ["api.example.com", "API.example.com.", "api.example.com:8000", "a.internal.example", "my_host", "My_Host:8000"],
)
async def test_answers_to_each_of_its_own(host: str) -> None:
    assert (await ask("/api/schema", host=host)).status_code == 200


@pytest.mark.usefixtures("only_ours")
@pytest.mark.parametrize(
    "host", ["example.com", "api.example.com.attacker.example", "apixexample.com", "my-host", "myxhost", "127.0.0.1"]
)
async def test_does_not_answer_to_what_only_looks_alike(host: str) -> None:
    assert (await ask("/api/schema", host=host)).status_code == 400


@pytest.mark.usefixtures("only_ours")
async def test_answers_health_checks_by_address() -> None:
    """Load balancers ask by address, not by name."""
    assert (await ask("/healthz", host="10.1.2.3:8000")).json() == {"status": "ok"}


@pytest.mark.parametrize("host", ["my_host", "my_host:8000", "_", "127.0.0.1:1", "[::1]:8000", "xn--bcher-kva.example"])
async def test_answers_to_every_host_unless_told_otherwise(host: str) -> None:
    assert (await ask("/api/schema", host=host)).status_code == 200


@pytest.mark.parametrize("host", ["", "a b", "<x>", "a/b", "x:y", "user@a", "[zz]", "ex%41mple", "a,b", "a\x7f"])
async def test_refuses_an_invalid_host(host: str) -> None:
    response = await ask("/api/v1/runs", host=host)

    assert (response.status_code, response.json()["error"]["message"]) == (400, REFUSED)


async def test_lets_the_admin_be_called_by_a_host_with_an_underscore() -> None:
    response = await ask("/admin/nothing-to-look-up.js", host="my_host:8000")

    assert response.status_code == 302
    assert response.headers["location"].startswith("/admin/login/")


@pytest.mark.parametrize("method", ["post", "put", "delete", "trace", "options"])
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_is_only_looked_at(method: str, path: str) -> None:
    response = await ask(path, host="x", method=method)

    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")
