"""Journey: authentication, and which routes exist."""

import socket
import time
from contextlib import ExitStack

import pytest
import requests

from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, Api, refusal
from tests.journeys.rows import Rows
from tests.journeys.service import Service

WRONG_KEY = (401, "invalid_token", "The specified token is invalid or wrong.")
NO_KEY = (400, "no_token", "No API key was sent.")
NO_SUCH_API = (404, "no_api", "There is no such API.")
# A revoked key stops working within this.
PROMISED_SECONDS = 5.0


def ask_as(api: Api, authorization: str | bytes | None) -> requests.Response:
    headers = {"Authorization": authorization} if authorization is not None else {}
    return requests.post(api.url, json={"model": MODEL, "question": "Hi"}, headers=headers, timeout=30)


@pytest.mark.usefixtures("nothing_stored_or_asked")
@pytest.mark.parametrize("authorization", [None, ""])
def test_no_key_is_400(api: Api, authorization: str | None) -> None:
    assert refusal(ask_as(api, authorization)) == NO_KEY


@pytest.mark.usefixtures("nothing_stored_or_asked")
@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer wrong",
        "Bearer sk-" + "x" * 43,
        "Bearer " + "x" * 30_000,
        "Basic dXNlcjpwYXNz",
        "sk-no-scheme",
        "Bearer {key}x",
        "Bearer {key} more",
        "Bearer {prefix}",
        "Basic {key}",
        "Bearer é".encode(),
        "Bearer 你好".encode(),
        b"Bearer \xff\xfe",
        "Bearer ' OR 1=1",
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_wrong_key_is_401(api: Api, authorization: str | bytes) -> None:
    if isinstance(authorization, str):
        authorization = authorization.format(key=api.key, prefix=api.key[:12])

    assert refusal(ask_as(api, authorization)) == WRONG_KEY


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER {}", "Bearer   {}", "Bearer {}  "])
def test_the_case_and_spacing_of_the_scheme_do_not_matter(api: Api, upstream: FakeUpstream, form: str) -> None:
    assert ask_as(api, form.format(api.key)).status_code == 200


@pytest.mark.usefixtures("nothing_stored_or_asked")
def test_the_key_is_checked_before_the_body(api: Api) -> None:
    response = requests.post(api.url, data=b"{", timeout=30)

    assert refusal(response) == NO_KEY


def test_a_revoked_key_stops_working_soon_and_another_goes_on(
    service: Service, api: Api, upstream: FakeUpstream, rows: Rows
) -> None:
    lost = Api(api.base_url, service.create_key("default"))
    assert lost.answer("Hi")["answer"]
    rows.change("UPDATE conversations_apikey SET revoked_at = now() WHERE prefix = %s", _prefix(rows, lost.key))
    revoked_at = time.monotonic()

    # The time of the request counts; its answer may take longer.
    asked_at = revoked_at
    while (response := lost.ask("Hi")).status_code == 200:
        assert asked_at - revoked_at < PROMISED_SECONDS
        asked_at = time.monotonic()

    assert refusal(response) == WRONG_KEY
    assert api.answer("Hi")["answer"]


SLOW_BODIES = {
    "/aichat/conversations": b'{"model": "echo", "question": "Hi"}',
    "/v1/chat/completions": b'{"model": "echo", "messages": [{"role": "user", "content": "Hi"}]}',
    "/api/v1/webhook_endpoints": b'{"url": "https://example.com/", "events": ["*"]}',
}


@pytest.mark.usefixtures("nothing_stored_or_asked")
def test_a_key_that_is_revoked_while_the_body_still_comes_begins_nothing(service: Service, rows: Rows) -> None:
    lost = service.create_key("default")
    with ExitStack() as stack:
        sending = []
        for route, body in SLOW_BODIES.items():
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=60))
            head = f"POST {route} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {lost}\r\nContent-Length: {len(body)}"
            connection.sendall(f"{head}\r\n\r\n".encode() + body[:-1])
            sending.append((connection, body))
        time.sleep(1.0)
        rows.change("UPDATE conversations_apikey SET revoked_at = now() WHERE prefix = %s", _prefix(rows, lost))
        time.sleep(PROMISED_SECONDS)
        for connection, body in sending:
            connection.sendall(body[-1:])

        answers = [connection.recv(4096) for connection, _ in sending]

    assert [answer[:13] for answer in answers] == [b"HTTP/1.1 401 "] * len(SLOW_BODIES)


def _prefix(rows: Rows, key: str) -> str:
    """The prefix is stored to tell keys apart; nothing else of the key may be stored."""
    kept = rows.all("SELECT prefix, encode(key_hash, 'hex') AS hash FROM conversations_apikey ORDER BY id DESC LIMIT 1")
    assert key.startswith(kept[0]["prefix"])
    assert len(kept[0]["prefix"]) < len(key) / 2
    assert len(kept[0]["hash"]) == 64
    return str(kept[0]["prefix"])


@pytest.mark.usefixtures("nothing_stored_or_asked")
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_another_method_is_405(api: Api, method: str) -> None:
    response = requests.request(method, api.url, headers=api.headers, json={"model": MODEL}, timeout=30)

    assert refusal(response) == (405, "no_api", f"{method} is not allowed here.")
    assert "POST" in response.headers["Allow"]


def test_head_is_405_without_a_body(api: Api) -> None:
    response = requests.head(api.url, headers=api.headers, timeout=30)

    assert (response.status_code, response.content) == (405, b"")


@pytest.mark.usefixtures("nothing_stored_or_asked")
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "path",
    ["/aichat", "/aichat/", "/aichat/conversation", "/aichat/conversations/x", "/aichat/conversations//",
     "/AICHAT/conversations", "/aichat/%00", "/aichat/你好", "/aichat//conversations", "/aichat/../x", "/nothing", "/"],
)  # fmt: skip
def test_an_unknown_path_is_404(api: Api, path: str, method: str) -> None:
    response = requests.request(method, api.base_url + path, headers=api.headers, data=b"{}", timeout=30)

    assert refusal(response) == NO_SUCH_API


def test_a_slash_at_the_end_of_the_path_does_not_matter(api: Api, upstream: FakeUpstream) -> None:
    response = requests.post(f"{api.url}/", json={"model": MODEL, "question": "Hi"}, headers=api.headers, timeout=30)

    assert response.json()["answer"] == "1 messages; the last user message: Hi"


def test_healthz_and_readyz_need_no_key(api: Api) -> None:
    alive = requests.get(f"{api.base_url}/healthz", timeout=30)
    ready = requests.get(f"{api.base_url}/readyz", timeout=30)

    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "failing": []})
