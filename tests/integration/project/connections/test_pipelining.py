"""Requests sent without waiting for answers: they are answered in order, and not all read at once."""

import asyncio
import threading
from typing import Any

from tests.integration.project.connections.serving import (
    BUFFERED_BYTES,
    connected,
    limits,
    rest,
    send_until_stuck,
    serving,
    until,
)

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSE = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
INVALID = b"HTTP/1.1 400 Bad Request\r\n"


async def tell_path(scope: Any, _receive: Any, send: Any) -> None:
    body = scope["path"].encode() + b"\n"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def paths(got: bytes) -> list[bytes]:
    return [line for line in got.split(b"\n") if line.startswith(b"/")]


def test_answers_all_in_their_order() -> None:
    many = b"".join(GET % number for number in range(5_000)) + CLOSE
    with serving(tell_path, within=limits()) as address, connected(address) as client:
        sending = threading.Thread(target=client.sendall, args=(many,))
        sending.start()
        got = rest(client)
        sending.join()

    assert paths(got) == [*(b"/%d" % number for number in range(5_000)), b"/last"]


def test_reads_no_more_while_one_waits_for_its_turn() -> None:
    """A view waits for its client to leave, so uvicorn alone would go on reading for ever."""
    unit = GET % 1 * 1_000

    async def wait(_scope: Any, receive: Any, _send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    with serving(wait, within=limits()) as address, connected(address) as client:
        assert send_until_stuck(client, unit) < BUFFERED_BYTES


def test_a_queued_request_has_all_the_time_for_its_body() -> None:
    """The second body comes after the first answer, in pieces."""
    post = b"POST /second HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nConnection: close\r\n\r\n"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        await tell_path({"path": scope["path"] + "=" + body.decode()}, receive, send)

    with serving(app, within=limits()) as address, connected(address, GET % 1 + post + b"ab") as client:
        first = until(client, b"/1=\n")
        client.sendall(b"cd")
        client.sendall(b"ef")

        assert paths(first + rest(client)) == [b"/1=", b"/second=abcdef"]


def test_answers_what_came_before_an_invalid_request() -> None:
    """The 400 is not sent in place of an earlier answer."""
    release = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.to_thread(release.wait)
        await tell_path(scope, receive, send)

    with serving(app, within=limits()) as address, connected(address, GET % 1 + GET % 2 + b"\0" + GET % 3) as client:
        release.set()
        got = rest(client)

    assert paths(got) == [b"/1", b"/2"]
    assert got.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert got.index(b"/2\n") < got.index(INVALID)


def test_does_not_answer_a_request_whose_body_is_invalid() -> None:
    chunked = b"POST /broken HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc"
    release = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.to_thread(release.wait)
        await tell_path(scope, receive, send)

    with serving(app, within=limits()) as address, connected(address, GET % 1 + chunked) as client:
        release.set()
        got = rest(client)

    assert paths(got) == [b"/1"]
    assert got.endswith(b"\r\n\r\nInvalid HTTP request received.")


def test_notifies_the_running_view_that_its_client_is_gone() -> None:
    """Although a later request was read already, and uvicorn itself notifies only that one."""
    told = threading.Event()

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        writing = asyncio.create_task(
            send({"type": "http.response.body", "body": b"x" * 30_000_000, "more_body": True})
        )
        while (await receive())["type"] != "http.disconnect":
            pass
        await writing
        told.set()

    with serving(app, within=limits(write=0.2)) as address, connected(address, GET % 1 + GET % 2):
        assert told.wait(30)
