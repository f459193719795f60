"""Pages of other origins: which may call, what they may send and read, and that preflights look nothing up."""

import re
from typing import Any

import httpx
import orjson
import pytest

from conversations.views.schema import document
from project.environment import cross_origin
from project.web.handler import Handler

DOCUMENT = orjson.loads(document.PATH.read_bytes())
APP, OTHER = "https://app.example.com", "http://localhost:5173"
ROUTES = [
    (method.upper(), re.sub(r"\{\w+\}", "x", path))
    for path, methods in DOCUMENT["paths"].items()
    for method in methods
    if method in ("get", "post", "put", "patch", "delete")
]
CORS = "access-control-"


@pytest.fixture
def two_origins(settings: Any) -> None:
    settings.MIDDLEWARE = ["corsheaders.middleware.CorsMiddleware", *settings.MIDDLEWARE]
    settings.CORS_ALLOWED_ORIGINS = [APP, OTHER]


@pytest.fixture
def any_origin(settings: Any) -> None:
    settings.MIDDLEWARE = ["corsheaders.middleware.CorsMiddleware", *settings.MIDDLEWARE]
    settings.CORS_ALLOW_ALL_ORIGINS = True


async def ask(method: str, path: str, **headers: str) -> httpx.Response:
    """Without a database: a query would fail the test."""
    transport = httpx.ASGITransport(app=Handler(), raise_app_exceptions=True)  # type: ignore[arg-type] # untyped there
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        return await client.request(method, path, headers=sent)


async def preflight(method: str, path: str, *, origin: str, **headers: str) -> httpx.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": method, **headers}
    return await ask("OPTIONS", path, **asked)


def cors_of(response: httpx.Response) -> dict[str, str]:
    return {name.removeprefix(CORS): value for name, value in response.headers.items() if name.startswith(CORS)}


def names(header: str) -> set[str]:
    return set(header.split(", "))


@pytest.mark.usefixtures("two_origins")
@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_preflight_of_any_route_is_answered_without_a_key(method: str, path: str) -> None:
    response = await preflight(method, path, origin=APP)

    assert (response.status_code, response.content) == (200, b"")
    allowed = cors_of(response)
    assert allowed["allow-origin"] == APP
    assert names(allowed["allow-methods"]) == {"GET", "POST", "PUT", "PATCH", "DELETE"}
    assert names(allowed["allow-headers"]) == set(cross_origin.REQUEST_HEADERS)
    assert allowed["max-age"] == "7200"
    assert "allow-credentials" not in allowed
    assert response.headers["vary"] == "origin"


@pytest.mark.usefixtures("two_origins")
@pytest.mark.parametrize(
    "origin",
    [
        *("https://app.example.com.", "http://app.example.com", "https://app.example.com:8443", "https://example.com"),
        *("https://app.example.com.evil.example", "https://evilapp.example.com", "https://xn--app.example.com"),
        *("https://app.example.com, https://app.example.com", "https://me@app.example.com", "https://App.example.com"),
        *("https://äpp.example.com", f"https://{'a' * 10_000}", "https://[::1", "app.example.com", "null", "*", ""),
        *("http://localhost", "http://localhost:51730", "http://127.0.0.1:5173", "file://", "://", "//"),
    ],
)
async def test_no_other_origin_is_let_in(origin: str) -> None:
    answers = [await preflight("POST", "/v1/chat/completions", origin=origin), await ask("GET", "/v1/x", Origin=origin)]

    assert [cors_of(answer) for answer in answers] == [{}, {}]
    assert [answer.headers["vary"] for answer in answers] == ["origin", "origin"]


@pytest.mark.usefixtures("two_origins")
@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/api/v1/runs", {}, 400),
        ("POST", "/v1/chat/completions", {"Authorization": "Bearer eyJ.."}, 401),
        ("POST", "/v1/openapi/chat", {}, 401),
        ("POST", "/aichat/conversations", {}, 400),
        ("GET", "/api/v1/runs", {"Authorization": "Bearer eyJ.."}, 401),
        ("GET", "/nowhere", {}, 404),
        ("GET", "/v1/openapi/nowhere", {}, 404),
        ("PUT", "/aichat/conversations", {}, 405),
        ("OPTIONS", "/aichat/conversations", {}, 405),
        ("GET", "/api/v1/runs?limit=%00", {}, 400),
        ("GET", "/api/v1/runs", {"Host": "a b"}, 400),
        ("GET", "/api/schema", {}, 200),
        ("GET", "/healthz", {}, 200),
    ],
)
async def test_an_answer_can_be_read_whatever_it_says(
    method: str, path: str, sent: dict[str, str], status: int
) -> None:
    response = await ask(method, path, **{"Origin": OTHER, **sent})

    assert response.status_code == status
    assert (response.headers["access-control-allow-origin"], response.headers["vary"]) == (OTHER, "origin")
    assert names(response.headers["access-control-expose-headers"]) == set(cross_origin.RESPONSE_HEADERS)
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.usefixtures("any_origin")
@pytest.mark.parametrize("origin", [APP, "null", "https://evil.example", "https://[::1"])
async def test_where_any_origin_may_call_none_gets_credentials(origin: str) -> None:
    answers = [await preflight("GET", "/api/v1/runs", origin=origin), await ask("GET", "/api/v1/runs", Origin=origin)]

    allowed = [cors_of(answer) for answer in answers]
    # What no browser sends as an origin gets nothing.
    expected = None if origin == "https://[::1" else "*"
    assert [one.get("allow-origin") for one in allowed] == [expected, expected]
    assert not any("allow-credentials" in one for one in allowed)


@pytest.mark.usefixtures("any_origin")
async def test_a_public_page_is_not_promised_a_private_network() -> None:
    asked = {"Access-Control-Request-Private-Network": "true"}

    allowed = cors_of(await preflight("GET", "/api/v1/runs", origin=APP, **asked))

    assert "allow-private-network" not in allowed


@pytest.mark.usefixtures("any_origin")
@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/login", "/admin/nothing-to-look-up.js"])
async def test_the_admin_is_no_page_for_others(path: str) -> None:
    asked = await ask("GET", path, Origin=APP)

    assert cors_of(asked) == {}
    assert "origin" not in asked.headers.get("vary", "")


async def test_unless_told_otherwise_nobody_elsewhere_may_call() -> None:
    asked = [await preflight("GET", "/api/v1/runs", origin=APP), await ask("GET", "/api/v1/runs", Origin=APP)]

    assert [(answer.status_code, cors_of(answer)) for answer in asked] == [(405, {}), (400, {})]
    assert "vary" not in asked[1].headers


def test_pages_may_send_and_read_every_header_of_the_document() -> None:
    operations = [operation for methods in DOCUMENT["paths"].values() for operation in methods.values()]
    parameters = [one for operation in operations for one in operation.get("parameters", ())]
    sent = {one["name"].lower() for one in parameters if one["in"] == "header"}
    answered = {name.lower() for name in DOCUMENT["components"]["headers"]}

    assert sent - set(cross_origin.REQUEST_HEADERS) == set()
    assert answered - set(cross_origin.RESPONSE_HEADERS) == set()
