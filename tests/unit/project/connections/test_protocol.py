"""When a connection has kept the server waiting for too long: looked at by a clock of the test's own."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from project.connections.http_protocol import HttpProtocol
from project.connections.limits import Limits

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n"
LIMITS = Limits(head=10, body_silence=20, body=300, write=30, lingering=2)


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time the test sets; it only takes the tasks in."""

    now = 1_000.0

    def time(self) -> float:
        return self.now


class Wire(asyncio.Transport):
    """A connection of which the test says how much the client has not taken."""

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


class Played:
    """A protocol, its wire, and the look that is taken at it every second."""

    def __init__(self, clock: Clock) -> None:
        config = uvicorn.Config(_wait_for_body, http=HttpProtocol, ws="none", lifespan="off", log_config=None)
        self.clock = clock
        self.wire = Wire()
        self.protocol = HttpProtocol(config, ServerState(), {}, clock)
        self.protocol.connection_made(self.wire)

    def run(self) -> None:
        """Let the view go on until it waits."""
        self.clock.call_soon(self.clock.stop)
        self.clock.run_forever()

    def passes(self, seconds: int) -> bool:
        """Whether the connection is still there after so many looks."""
        for _ in range(seconds):
            self.clock.now += 1.0
            self.protocol.look(now=self.clock.now, elapsed=1.0)
        return not self.wire.is_aborted


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
def played() -> Iterator[Played]:
    clock = Clock()
    played = Played(clock)
    yield played
    played.protocol.connection_lost(None)
    played.run()
    clock.close()


def test_has_the_limits_that_are_documented(played: Played) -> None:
    assert played.protocol.limits == LIMITS


@pytest.mark.parametrize("sent", [b"", b"\r\n", GET[:-2]])
def test_waits_ten_seconds_for_a_head(played: Played, sent: bytes) -> None:
    played.protocol.data_received(sent)

    assert played.passes(10)
    assert not played.passes(1)


def test_waits_no_longer_for_a_head_that_trickles(played: Played) -> None:
    for byte in GET[:10]:
        played.protocol.data_received(bytes([byte]))
        assert played.passes(1)

    assert not played.passes(1)


def test_waits_for_a_view_for_as_long_as_it_takes(played: Played) -> None:
    played.protocol.data_received(GET)

    assert played.passes(1_000)


def test_waits_twenty_seconds_for_a_byte_of_a_body(played: Played) -> None:
    played.protocol.data_received(POST + b"\r\n")
    played.run()
    assert played.passes(20)
    played.protocol.data_received(b"a")
    played.run()

    assert played.passes(20)
    assert not played.passes(1)


def test_waits_five_minutes_for_a_whole_body(played: Played) -> None:
    played.protocol.data_received(POST + b"\r\n")
    for _ in range(30):
        assert played.passes(10)
        played.protocol.data_received(b"a")
        played.run()

    assert not played.passes(1)


def test_does_not_count_the_time_in_which_it_does_not_read(played: Played) -> None:
    """The view has not begun, and more has come than is kept for it."""
    length = 1_000_000
    played.protocol.data_received(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length)
    played.protocol.data_received(b"a" * 100_000)
    assert played.passes(1_000)
    played.run()

    assert played.passes(20)
    assert not played.passes(1)


def test_does_not_count_the_time_before_it_says_100_continue(played: Played) -> None:
    played.protocol.data_received(POST + b"Expect: 100-continue\r\n\r\n")
    assert played.passes(1_000)
    played.run()
    played.wire.unsent = 0

    assert played.passes(20)
    assert not played.passes(1)


def test_waits_thirty_seconds_for_a_reader_to_take_anything(played: Played) -> None:
    played.protocol.data_received(GET)
    played.wire.unsent = 100_000
    assert played.passes(30)
    played.wire.unsent -= 1
    # It is seen to have taken something.
    assert played.passes(1)

    assert played.passes(30)
    assert not played.passes(1)


def test_does_not_take_a_reader_for_stuck_between_two_writes(played: Played) -> None:
    """It took all of one and was given as much again: nothing is smaller, but writing went on."""
    played.protocol.data_received(GET)
    for _ in range(10):
        played.wire.unsent = 100_000
        assert played.passes(20)
        played.protocol.resume_writing()


def test_begins_to_count_idleness_when_the_answer_was_taken(played: Played) -> None:
    """For uvicorn's five seconds."""
    played.protocol.data_received(GET)
    played.run()
    assert played.wire.unsent
    assert played.passes(20)
    played.wire.unsent = 0

    assert played.passes(6)
    assert not played.passes(1)


def test_lets_an_early_answer_be_read_for_two_seconds(played: Played) -> None:
    played.protocol.data_received(b"\0")
    played.wire.unsent = 0

    assert played.passes(2)
    assert not played.passes(1)
