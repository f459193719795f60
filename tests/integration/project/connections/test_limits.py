"""Clients that keep the web server waiting lose their connections; those that only take their time keep them."""

import asyncio
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from tests.integration.project.connections.serving import (
    PATIENCE_SECONDS,
    connected,
    limits,
    rest,
    send_until_reset,
    serving,
    until,
)

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
OK = b"\r\n\r\nok"
LARGE = 30_000_000
# Where a whole head must come in time first, also on a busy machine.
HEAD_SECONDS = 2.0


async def answer(_scope: Any, receive: Any, send: Any) -> None:
    """Reads the body, then says ok."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message.get("more_body", False)
    await say(send, b"ok")


async def say(send: Any, body: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize(
    "sent",
    [b"", b"G", b"GET / HTTP/1.1\r\nHost: a\r\nX-", b"\r\n\r\n", GET[:-2]],
    ids=["nothing", "a byte", "half a head", "empty lines", "all but the end"],
)
def test_ends_a_connection_whose_head_does_not_come(sent: bytes) -> None:
    with serving(answer, within=limits(head=0.1)) as address, connected(address, sent) as connection:
        assert rest(connection) == b""


def test_does_not_give_a_head_that_trickles_more_time() -> None:
    with serving(answer, within=limits(head=0.3)) as address, connected(address, GET[:-2]) as client:
        send_until_reset(client, b"X: 1\r\n")


def test_ends_a_later_request_whose_head_does_not_come() -> None:
    with serving(answer, within=limits(head=HEAD_SECONDS)) as address, connected(address, GET) as connection:
        until(connection, OK)

        connection.sendall(b"GET / HT")

        assert rest(connection) == b""


def test_ends_a_connection_on_which_no_other_request_comes() -> None:
    with serving(answer, within=limits(), keep_alive=0.1) as address, connected(address, GET) as client:
        until(client, OK)

        assert rest(client) == b""


def test_does_not_wait_between_requests_as_for_a_head() -> None:
    with serving(answer, within=limits(head=HEAD_SECONDS)) as address, connected(address, GET) as client:
        until(client, OK)
        time.sleep(HEAD_SECONDS + 0.2)
        client.sendall(GET)

        assert until(client, OK).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("sent", [b"", b"ab"])
def test_ends_a_body_that_does_not_come(sent: bytes) -> None:
    """The view is notified that its client is gone."""
    told = threading.Event()

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        told.set()

    with serving(app, within=limits(body_silence=0.1)) as address, connected(address, POST + b"\r\n" + sent) as client:
        assert rest(client) == b""
        assert told.wait(30)


def test_ends_a_body_that_trickles() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving(answer, within=limits(body=0.3)) as address, connected(address, head) as client:
        send_until_reset(client, b"1\r\na\r\n")


def test_says_100_continue_when_the_body_is_wanted() -> None:
    """Until then the client need not send it, however long that takes."""
    wanted = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.to_thread(wanted.wait)
        await answer(scope, receive, send)

    head = POST + b"Expect: 100-continue\r\n\r\n"
    with serving(app, within=limits()) as address, connected(address, head) as client:
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(PATIENCE_SECONDS)
        wanted.set()
        assert until(client, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abcd")

        assert until(client, OK).startswith(b"HTTP/1.1 200 OK\r\n")


async def send_large(_scope: Any, _receive: Any, send: Any) -> None:
    await say(send, b"x" * LARGE)


async def send_large_and_more(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x" * LARGE, "more_body": True})
    await send({"type": "http.response.body", "body": b"x"})


async def send_endless(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"x" * 10_000, "more_body": True})
        await asyncio.sleep(0)


@pytest.mark.parametrize("sending", [send_large_and_more, send_endless], ids=["one large body", "a stream"])
def test_ends_a_reader_that_takes_nothing(sending: Any) -> None:
    """Whatever is being sent, the view is notified."""
    told = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        writing = asyncio.create_task(sending(scope, receive, send))
        while (await receive())["type"] != "http.disconnect":
            pass
        writing.cancel()
        told.set()

    with serving(app, within=limits(write=0.2), keep_alive=0.05) as address, connected(address, GET) as client:
        assert told.wait(30)
        with suppress(ConnectionError):
            assert len(rest(client)) < LARGE


@pytest.mark.parametrize("sent", [GET, CLOSE, GET + b"\0"], ids=["kept", "closed", "400"])
def test_ends_a_reader_that_takes_nothing_of_what_was_answered(sent: bytes) -> None:
    """While it holds the only connection allowed, others are refused."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await (say(send, b"ok") if scope["path"] == "/other" else send_large(scope, receive, send))

    with serving(app, within=limits(write=0.2), most=1) as address, connected(address, sent) as client:
        client.recv(1)
        while True:
            with connected(address, CLOSE.replace(b"/ ", b"/other ")) as other:
                if rest(other).startswith(b"HTTP/1.1 200 OK"):
                    break

        with suppress(ConnectionError):
            assert len(rest(client)) < LARGE


def test_keeps_a_reader_that_takes_its_time() -> None:
    """For far longer than a connection may be idle: it is not idle while the client still reads."""
    with serving(send_large, within=limits(), keep_alive=0.02) as address, connected(address, GET) as client:
        head = until(client, b"\r\n\r\n")
        time.sleep(0.3)

        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert len(rest(client)) == LARGE
