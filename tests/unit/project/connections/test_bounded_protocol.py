"""When a client has kept the server waiting for too long, by a clock of the test's own."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from project.connections.http_protocol import StrictHttpProtocol
from project.connections.limits import Limits

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n"
LIMITS = Limits(head=10, body_silence=20, body=300, write=30, lingering=2)


class Clock(asyncio.SelectorEventLoop):
    """An event loop whose time the test sets."""

    now = 1_000.0

    def time(self) -> float:
        return self.now


class FakeTransport(asyncio.Transport):
    """A transport whose number of unsent bytes the test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.unsent = 0
        self.is_aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.unsent += len(data)

    def write_eof(self) -> None: ...

    def close(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True


class Connection:
    """A protocol and its transport, checked once a second."""

    def __init__(self, clock: Clock) -> None:
        config = uvicorn.Config(_wait_for_body, http=StrictHttpProtocol, ws="none", lifespan="off", log_config=None)
        self.clock = clock
        self.transport = FakeTransport()
        self.protocol = StrictHttpProtocol(config, ServerState(), {}, clock)
        self.protocol.connection_made(self.transport)

    def run(self) -> None:
        """Let the view run until it waits."""
        self.clock.call_soon(self.clock.stop)
        self.clock.run_forever()

    def survives(self, seconds: int) -> bool:
        """Whether the connection is still open after so many checks, a second apart."""
        for _ in range(seconds):
            self.clock.now += 1.0
            self.protocol.check(now=self.clock.now, elapsed=1.0)
        return not self.transport.is_aborted


async def _wait_for_body(_scope: Any, receive: Any, send: Any) -> None:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def connection() -> Iterator[Connection]:
    clock = Clock()
    connection = Connection(clock)
    yield connection
    connection.protocol.connection_lost(None)
    connection.run()
    clock.close()


def test_has_the_limits_that_are_documented(connection: Connection) -> None:
    assert connection.protocol.limits == LIMITS


@pytest.mark.parametrize("sent", [b"", b"\r\n", GET[:-2]])
def test_waits_ten_seconds_for_a_head(connection: Connection, sent: bytes) -> None:
    connection.protocol.data_received(sent)

    assert connection.survives(10)
    assert not connection.survives(1)


def test_waits_no_longer_for_a_head_that_trickles(connection: Connection) -> None:
    for byte in GET[:10]:
        connection.protocol.data_received(bytes([byte]))
        assert connection.survives(1)

    assert not connection.survives(1)


def test_waits_for_a_view_for_as_long_as_it_takes(connection: Connection) -> None:
    connection.protocol.data_received(GET)

    assert connection.survives(1_000)


def test_waits_twenty_seconds_for_a_byte_of_a_body(connection: Connection) -> None:
    connection.protocol.data_received(POST + b"\r\n")
    connection.run()
    assert connection.survives(20)
    connection.protocol.data_received(b"a")
    connection.run()

    assert connection.survives(20)
    assert not connection.survives(1)


def test_waits_five_minutes_for_a_whole_body(connection: Connection) -> None:
    connection.protocol.data_received(POST + b"\r\n")
    for _ in range(30):
        assert connection.survives(10)
        connection.protocol.data_received(b"a")
        connection.run()

    assert not connection.survives(1)


def test_does_not_count_the_time_in_which_it_does_not_read(connection: Connection) -> None:
    """The view has not read yet, and uvicorn paused reading because it keeps no more for it."""
    length = 1_000_000
    connection.protocol.data_received(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length)
    connection.protocol.data_received(b"a" * 100_000)
    assert connection.survives(1_000)
    connection.run()

    assert connection.survives(20)
    assert not connection.survives(1)


def test_does_not_count_the_time_before_it_says_100_continue(connection: Connection) -> None:
    connection.protocol.data_received(POST + b"Expect: 100-continue\r\n\r\n")
    assert connection.survives(1_000)
    connection.run()
    connection.transport.unsent = 0

    assert connection.survives(20)
    assert not connection.survives(1)


def test_waits_thirty_seconds_for_a_reader_to_take_anything(connection: Connection) -> None:
    connection.protocol.data_received(GET)
    connection.transport.unsent = 100_000
    assert connection.survives(30)
    connection.transport.unsent -= 1
    # The server sees that the client has received something.
    assert connection.survives(1)

    assert connection.survives(30)
    assert not connection.survives(1)


def test_does_not_take_a_reader_for_stuck_between_two_writes(connection: Connection) -> None:
    """It received one piece and was sent as much again: the unsent bytes are no fewer, but writing went on."""
    connection.protocol.data_received(GET)
    for _ in range(10):
        connection.transport.unsent = 100_000
        assert connection.survives(20)
        connection.protocol.resume_writing()


def test_begins_to_count_idleness_when_the_answer_was_taken(connection: Connection) -> None:
    """For five seconds, which is uvicorn's default."""
    connection.protocol.data_received(GET)
    connection.run()
    assert connection.transport.unsent
    assert connection.survives(20)
    connection.transport.unsent = 0

    assert connection.survives(6)
    assert not connection.survives(1)


def test_lets_an_early_answer_be_read_for_two_seconds(connection: Connection) -> None:
    connection.protocol.data_received(b"\0")
    connection.transport.unsent = 0

    assert connection.survives(2)
    assert not connection.survives(1)
