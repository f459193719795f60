"""At the limit of connections, the one that has waited longest for its client is evicted; busy ones never are."""

import threading
from contextlib import ExitStack
from typing import Any

import pytest

from tests.integration.project.connections.serving import Address, connected, limits, rest, serving, until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HALF = b"GET / HTTP/1.1\r\nHost: a\r\nX-"
OK = b"\r\n\r\nok"
MOST = 4


class App:
    """`GET /wait` is answered when the test says so, anything else at once."""

    def __init__(self) -> None:
        self.at_work = threading.Semaphore(0)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/wait":
            self.at_work.release()
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


def ask(address: Address) -> bytes:
    with connected(address, GET) as client:
        return until(client, OK)


def test_evicts_connections_with_half_sent_heads() -> None:
    with serving(App(), within=limits(), most=MOST) as address, ExitStack() as stack:
        slow = [stack.enter_context(connected(address, HALF)) for _ in range(200)]

        answered = ask(address)

        assert answered.startswith(b"HTTP/1.1 200 OK\r\n")
        assert [rest(client) for client in slow[:-MOST]] == [b""] * (200 - MOST)


def test_evicts_the_connection_that_waited_longest() -> None:
    with serving(App(), within=limits(), most=2) as address, connected(address, GET) as first:
        until(first, OK)
        with connected(address, GET) as second:
            until(second, OK)
            # Now the first is the one that was heard from last.
            first.sendall(GET)
            until(first, OK)

            ask(address)

            assert rest(second) == b""
            first.sendall(GET)
            assert until(first, OK).startswith(b"HTTP/1.1 200 OK\r\n")


def test_refuses_new_connections_when_all_are_busy() -> None:
    app = App()
    with serving(app, within=limits(), most=2) as address, ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(connected(address, GET.replace(b"/ ", b"/wait ")))
            assert app.at_work.acquire(timeout=30)

        for _ in range(5):
            with connected(address, GET) as client:
                got = rest(client)
            assert got.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
            assert b"\r\nretry-after: 1\r\n" in got
            assert b"\r\nconnection: close\r\n" in got


def test_accepts_new_connections_when_a_busy_one_has_ended() -> None:
    app = App()
    with serving(app, within=limits(), most=2) as address, ExitStack() as stack:
        stack.enter_context(connected(address, GET.replace(b"/ ", b"/wait ")))
        with connected(address, GET.replace(b"/ ", b"/wait ")):
            assert app.at_work.acquire(timeout=30)
            assert app.at_work.acquire(timeout=30)
            with connected(address, GET) as client:
                assert rest(client).startswith(b"HTTP/1.1 503 ")

        # The server notices on its own time that the client has left.
        while True:
            with connected(address, GET) as client:
                if client.recv(12) == b"HTTP/1.1 200":
                    break


@pytest.mark.parametrize("number", [1, 10])
def test_serves_at_its_limit(number: int) -> None:
    """uvicorn itself would answer every request with 503 at this number of connections."""
    with serving(App(), within=limits(), most=1) as address, connected(address, GET * number) as client:
        for _ in range(number):
            assert until(client, OK).startswith(b"HTTP/1.1 200 OK\r\n")
