"""Answers that are sent before the request is complete: the client can read them, and the connection ends."""

from typing import Any

import pytest

from tests.integration.project.connections.serving import (
    BUFFERED_BYTES,
    connected,
    limits,
    rest,
    send_until_reset,
    send_until_stuck,
    serving,
)

LENGTH = 3_000_000
HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n" % LENGTH
REFUSAL = b"no"
INVALID = b"Invalid HTTP request received."


async def refuse(_scope: Any, _receive: Any, send: Any) -> None:
    """Answers without reading the body."""
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": REFUSAL})


@pytest.mark.parametrize("sent", [b"", b"x" * 1_000, b"x" * 400_000], ids=["none of it", "a little", "much"])
def test_can_be_read_by_a_client_that_has_not_sent_its_body(sent: bytes) -> None:
    """The client sees the end at once: it need not wait until the server gives up on the rest."""
    with serving(refuse, within=limits()) as address, connected(address, HEAD + b"\r\n" + sent) as client:
        head, _, body = rest(client).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    assert b"connection: close" in head
    assert body == REFUSAL


def test_can_be_read_by_a_client_that_sends_all_its_body_first() -> None:
    with serving(refuse, within=limits()) as address, connected(address, HEAD + b"\r\n") as client:
        for _ in range(50):
            client.sendall(b"x" * 10_000)

        assert rest(client).endswith(REFUSAL)


def test_leave_no_body_to_be_read_as_a_request() -> None:
    hidden = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
    asked = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await refuse(scope, receive, send)

    with serving(app, within=limits()) as address, connected(address, HEAD + b"\r\n" + hidden * 10) as client:
        assert rest(client).count(b"HTTP/1.1 ") == 1

    assert asked == ["/"]


def test_do_not_hold_a_client_that_never_ends() -> None:
    """Its connection ends after a while, whatever it still sends."""
    with (
        serving(refuse, within=limits(lingering=0.2)) as address,
        connected(address, HEAD + b"\r\n") as client,
    ):
        send_until_reset(client, b"x" * 1_000)


def test_do_not_keep_what_is_still_sent() -> None:
    """A limited number of bytes is dropped; then the client is blocked until the connection ends."""
    with serving(refuse, within=limits()) as address, connected(address, HEAD + b"\r\n") as client:
        assert send_until_stuck(client, b"x" * 100_000) < BUFFERED_BYTES


def test_end_the_connection_without_a_body_that_was_announced() -> None:
    """100 Continue was not sent, so no body follows."""
    with (
        serving(refuse, within=limits()) as address,
        connected(address, HEAD + b"Expect: 100-continue\r\n\r\n") as client,
    ):
        got = rest(client)

    assert got.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    assert b"100 Continue" not in got


def test_keep_the_connection_when_the_body_has_come_meanwhile() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
    last = head + b"Connection: close\r\n\r\nab"
    with serving(refuse, within=limits()) as address, connected(address, head + b"\r\nab" + last) as client:
        got = rest(client)

    assert got.count(b"HTTP/1.1 401 Unauthorized\r\n") == 2
    assert got.count(b"connection: close") == 1


def test_are_read_when_a_request_is_refused() -> None:
    """Also while the client still sends the rest of its request."""
    with serving(refuse, within=limits()) as address, connected(address, b"GET / HTTP/1.1\r\nHost: a\r\n") as client:
        for _ in range(20):
            client.sendall(b"X: " + b"x" * 20_000 + b"\r\n")

        assert rest(client).endswith(INVALID)
