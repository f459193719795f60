"""Requests are refused by their headers before the body is sent; uploads are bounded for an account and for all."""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.journeys.clients.aichat import Api
from tests.journeys.clients.openai import Chat
from tests.journeys.rows import Rows
from tests.journeys.service import Service
from tests.waiting import eventually

PATIENCE_SECONDS = 30.0
UPLOAD_BYTES = 18_000_000
TURNS = ("/aichat/conversations", "/v1/chat/completions", "/v1/completions", "/v1/embeddings")
OTHERS = ("/aichat/tasks", "/openai/tasks", "/api/v1/webhook_endpoints")


class Upload:
    """A client that waits for 100 Continue before it sends its body."""

    def __init__(self, service: Service, route: str, *, key: str, length: str, method: str = "POST") -> None:
        self.connection = socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE_SECONDS)
        head = f"{method} {route} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n{length}\r\n"
        head += f"Authorization: Bearer {key}\r\n" if key else ""
        self.connection.sendall(head.encode() + b"\r\n")

    def answer(self) -> str:
        """The next response, head and body."""
        with self.connection.makefile("rb") as reader:
            head = b"".join(iter(reader.readline, b"\r\n"))
            length = re.search(rb"content-length: (\d+)", head)
            return (head + reader.read(int(length[1]) if length else 0)).decode()

    @property
    def is_asked_for_its_body(self) -> bool:
        return self.answer() == "HTTP/1.1 100 Continue\r\n"

    def close(self) -> None:
        self.connection.close()


@pytest.fixture
def uploads(service: Service) -> Iterator["Uploads"]:
    with ExitStack() as stack:
        yield Uploads(service, stack)


class Uploads:
    def __init__(self, service: Service, stack: ExitStack) -> None:
        self._service, self._stack = service, stack

    def begin(self, route: str, *, key: str, length: int | None = UPLOAD_BYTES, method: str = "POST") -> Upload:
        """`length` None: chunked encoding."""
        said = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        upload = Upload(self._service, route, key=key, length=said, method=method)
        self._stack.callback(upload.close)
        return upload

    def hold(self, *, key: str) -> Upload:
        """Send an upload that fits once the others have released theirs."""
        return eventually(lambda: self.begin(TURNS[1], key=key), lambda upload: upload.is_asked_for_its_body)


@pytest.mark.parametrize("route", [*TURNS, *OTHERS])
@pytest.mark.parametrize("length", [UPLOAD_BYTES, None])
@pytest.mark.parametrize(("key", "message"), [("", "No API key was sent."), ("sk-nobodys", "token is invalid")])
def test_nobody_uploads_without_a_key(uploads: Uploads, route: str, length: int | None, key: str, message: str) -> None:
    """Each family has its own status for it."""
    answer = uploads.begin(route, key=key, length=length).answer()

    assert answer.startswith("HTTP/1.1 40")
    assert message in answer


@pytest.mark.parametrize(
    ("method", "route", "status"),
    [
        ("PUT", "/v1/chat/completions", 405),
        ("POST", "/v1/no/such/route", 404),
        ("POST", "/mj/submit", 404),
        ("POST", "/aichat/nothing", 404),
    ],
)
def test_a_route_that_takes_no_body_reads_none(
    uploads: Uploads, service: Service, method: str, route: str, status: int
) -> None:
    upload = uploads.begin(route, key=service.api_key, method=method)

    assert upload.answer().startswith(f"HTTP/1.1 {status} ")


@pytest.mark.parametrize("route", TURNS)
def test_a_turn_above_the_limit_is_refused_before_its_body_is_sent(
    uploads: Uploads, service: Service, route: str
) -> None:
    assert uploads.begin(route, key=service.api_key, length=20_000_001).answer().startswith("HTTP/1.1 413 ")


@pytest.mark.parametrize("route", OTHERS)
def test_routes_that_take_few_values_take_no_large_body(uploads: Uploads, service: Service, route: str) -> None:
    assert uploads.begin(route, key=service.api_key, length=65_537).answer().startswith("HTTP/1.1 413 ")
    assert uploads.begin(route, key=service.api_key, length=65_536).is_asked_for_its_body


def test_the_uploads_of_an_account_fill_only_its_own_share(
    uploads: Uploads, service: Service, chat: Chat, other_api: Api
) -> None:
    """64 MB of the 256 MB. The announced length counts, even if the client never sends it."""
    for _ in range(3):
        uploads.hold(key=service.api_key)

    refused = uploads.begin(TURNS[1], key=service.api_key).answer()

    assert refused.startswith("HTTP/1.1 429 ")
    assert "retry-after: 1\r\n" in refused.lower()
    assert "Other requests of your account are being received." in refused
    assert chat.ask("Hi").status_code == 200
    uploads.hold(key=other_api.key)
    assert other_api.ask("Hi").status_code == 200


def test_a_share_is_free_again_when_an_upload_disconnects(uploads: Uploads, service: Service) -> None:
    held = [uploads.hold(key=service.api_key) for _ in range(3)]

    held[0].close()

    uploads.hold(key=service.api_key)


def test_a_client_that_disconnects_in_its_body_has_asked_nothing(
    uploads: Uploads, service: Service, chat: Chat, rows: Rows
) -> None:
    before = rows.all("SELECT max(id) AS id FROM conversations_run")[0]["id"] or 0
    seen = len(service.log)
    leaving = uploads.begin(TURNS[1], key=service.api_key, length=1000)
    assert leaving.is_asked_for_its_body
    leaving.connection.sendall(b'{"model": "echo", "messages": [{"role": "user", "content": "Secret')

    leaving.close()

    assert chat.ask("Hi").status_code == 200
    assert len(rows.all("SELECT id FROM conversations_run WHERE id > %s", before)) == 1
    assert "request_broke" not in service.log[seen:]


def test_the_admin_takes_no_body_larger_than_a_form_without_login(uploads: Uploads) -> None:
    assert uploads.begin("/admin/login/", key="", length=1_000_001).answer().startswith("HTTP/1.1 413 ")
    assert uploads.begin("/admin/login/", key="", length=1_000_000).is_asked_for_its_body
