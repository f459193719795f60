"""When a request's body is asked for, and what becomes of a client that leaves. No database is needed."""

import asyncio
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
import structlog
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

from conversations import errors
from conversations.dialects.dialect import ErrorRenderer
from conversations.dialects.openai import errors as words
from conversations.views.bodies import budget, incoming
from conversations.views.http.base import BaseView, json_response
from project.web.handler import Handler

PATIENCE_SECONDS = 30.0
MOST = 100
LEAVING = {"type": "http.disconnect"}


class ReadingView(BaseView):
    error_renderer: ClassVar[ErrorRenderer] = words

    async def post(self, request: HttpRequest) -> HttpResponse:
        with budget.of_process().reserve(1) as reservation:
            body = await incoming.of(request).read(most=MOST, reservation=reservation)
        return json_response({"length": len(body)})


class RefusingView(ReadingView):
    async def post(self, _request: HttpRequest) -> HttpResponse:
        raise errors.MissingKey


class WaitingView(ReadingView):
    """Waits for ever, unless it is cancelled."""

    ends: ClassVar[list[str]]

    async def post(self, request: HttpRequest) -> HttpResponse:
        await super().post(request)
        try:
            await asyncio.Event().wait()
        finally:
            self.ends.append("cancelled")
        raise AssertionError


class StreamingView(ReadingView):
    """A stream without an end that does not look at the body."""

    async def get(self, _request: HttpRequest) -> HttpResponseBase:
        async def pieces() -> Any:
            yield b"first"
            await asyncio.Event().wait()

        return StreamingHttpResponse(pieces())


class DjangosWayView(ReadingView):
    async def post(self, request: HttpRequest) -> HttpResponse:
        return json_response({"length": len(request.body)})


urlpatterns = [
    path("read", ReadingView.as_view()),
    path("refuse", RefusingView.as_view()),
    path("wait", WaitingView.as_view()),
    path("stream", StreamingView.as_view()),
    path("django", DjangosWayView.as_view()),
]


class Connection:
    """One client as an ASGI server presents it: the messages that the application receives and sends."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.messages = list(messages)
        self.sent: list[dict[str, Any]] = []
        self.has_left = asyncio.Event()
        self.has_news = asyncio.Event()
        self.asked_after: list[int] = []

    async def receive(self) -> dict[str, Any]:
        self.asked_after.append(len(self.sent))
        if self.messages:
            return self.messages.pop(0)
        await self.has_left.wait()
        return LEAVING

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        self.has_news.set()

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


@pytest.fixture(autouse=True)
def routes(settings: Any) -> Iterator[None]:
    settings.ROOT_URLCONF = __name__
    WaitingView.ends = []
    yield
    assert budget.of_process().total == 0


def pieces(*contents: bytes) -> list[dict[str, Any]]:
    return [{"type": "http.request", "body": content, "more_body": True} for content in contents[:-1]] + [
        {"type": "http.request", "body": contents[-1], "more_body": False}
    ]


async def serve(connection: Connection, route: str, *, length: int | None, method: str = "POST") -> None:
    headers = [(b"host", b"x"), (b"content-length", str(length).encode())]
    if length is None:
        headers[1] = (b"transfer-encoding", b"chunked")
    scope = {"type": "http", "method": method, "path": route, "headers": headers, "query_string": b""}
    async with asyncio.timeout(PATIENCE_SECONDS):
        await Handler()(scope, connection.receive, connection.send)


@pytest.mark.parametrize("length", [6, None])
async def test_a_view_reads_the_body_when_it_asks(length: int | None) -> None:
    connection = Connection(*pieces(b"abc", b"def"))

    await serve(connection, "/read", length=length)

    assert (connection.status, connection.sent[1]["body"]) == (200, b'{"length":6}')


@pytest.mark.parametrize(
    ("route", "status"), [("/refuse", 401), ("/read/nothing", 404), ("/read", 413), ("/stream", 413)]
)
async def test_answers_what_the_headers_decide_before_it_asks_for_the_body(route: str, status: int) -> None:
    """Asking for the body would make the server send `100 Continue`."""
    connection = Connection(*pieces(b"a" * (MOST + 1)))

    await serve(connection, route, length=MOST + 1)

    assert connection.status == status
    assert min(connection.asked_after, default=2) >= 1


async def test_a_method_that_is_not_allowed_is_refused_unread() -> None:
    connection = Connection(*pieces(b"a"))

    await serve(connection, "/read", length=1, method="PUT")

    assert connection.status == 405
    assert min(connection.asked_after, default=2) >= 1


async def test_chunks_are_asked_for_no_further_than_the_bound() -> None:
    connection = Connection(*pieces(b"a" * MOST, b"a", b"a", b"a"))

    await serve(connection, "/read", length=None)

    assert connection.status == 413
    assert connection.asked_after[:2] == [0, 0]
    assert 0 not in connection.asked_after[2:]


async def test_a_client_that_leaves_during_its_body_gets_no_answer() -> None:
    connection = Connection(*pieces(b"abc", b"")[:1], LEAVING)

    with structlog.testing.capture_logs() as lines:
        await serve(connection, "/read", length=6)

    assert connection.sent == []
    assert lines == []


async def test_a_client_that_leaves_after_its_body_cancels_the_view() -> None:
    connection = Connection(*pieces(b"abc"), LEAVING)

    await serve(connection, "/wait", length=3)

    assert WaitingView.ends == ["cancelled"]
    assert connection.sent == []


@pytest.mark.parametrize("length", [0, 3])
async def test_a_client_that_leaves_a_stream_ends_it_though_no_body_was_read(length: int) -> None:
    connection = Connection(*pieces(b"abc"[:length]))
    serving = asyncio.create_task(serve(connection, "/stream", length=length, method="GET"))
    await connection.has_news.wait()

    connection.has_left.set()
    await serving

    assert [message.get("body") for message in connection.sent[1:]] in ([], [b"first"])


async def test_a_body_cannot_be_read_as_django_would() -> None:
    connection = Connection(*pieces(b"abc"))

    with structlog.testing.capture_logs() as (lines):
        await serve(connection, "/django", length=3)

    assert connection.status == 500
    assert [line["event"] for line in lines] == ["request_broke"]


@pytest.mark.parametrize("length", [1_000_001, None])
async def test_the_admin_reads_no_more_than_a_form_before_sign_in(length: int | None) -> None:
    connection = Connection(*pieces(*[b"a" * 250_001] * 4, b"a"))

    await serve(connection, "/admin/login/", length=length)

    assert (connection.status, connection.sent[1]["body"]) == (413, b"The request body is too large.")
    assert connection.asked_after.count(0) == (0 if length else 4)


async def test_the_admin_has_a_share_for_unknown_callers_and_no_more() -> None:
    with budget.of_process().reserve(None) as reservation:
        reservation.grow_to(63_000_001)
        connection = Connection(*pieces(b"a" * 1_000_000))

        await serve(connection, "/admin/login/", length=1_000_000)

    assert connection.status == 503
    assert (b"Retry-After", b"1") in connection.sent[0]["headers"]
    assert connection.asked_after == []


async def test_the_admin_finds_its_form_read() -> None:
    form = b"username=a&password=" + b"b" * 500_000
    connection = Connection(*pieces(form[:1000], form[1000:]))

    await serve(connection, "/admin/no-such-page/", length=len(form))

    # Nobody is signed in and there is no CSRF cookie, so the admin itself refuses it.
    assert connection.status in (302, 403, 404)
