"""Aborting a call from another thread, in whatever state it is."""

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import httpx
import pytest

from providers.calls.base import Call
from providers.errors import CallAborted
from providers.events import TextDelta
from providers.protocols.registry import open_call
from tests.fakes.replies import Again, Reply, chunk, event, fails, says
from tests.fakes.upstream import FakeUpstream
from tests.integration.providers.clients import question, target

# Without the time, which would be part of the tests' ids and differ between the processes that run them.
gzipped = partial(gzip.compress, mtime=0)

# An empty deflate block: any number of them unpack to nothing.
EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"
ENDLESS_GZIP = gzipped(b"")
# A vendor that sends all the time: the reader never waits, and must notice the abort all the same.
FLOODS = [
    Reply((Again(event(chunk({"content": "x"})) * 500),)),
    Reply((Again(event(chunk({"content": ""})) * 500),)),
    Reply((Again(b": ping\n\n" * 5_000),)),
    Reply((Again(b"data:\n\n" * 5_000),)),
    Reply((Again(b"\n" * 65_536),)),
    Reply((Again(b"x" * 4),)),
    Reply((Again(gzipped(b"\n" * 65_536)),)).with_headers(content_encoding="gzip"),
    Reply((ENDLESS_GZIP[:10], Again(EMPTY_BLOCK * 10_000))).with_headers(content_encoding="gzip"),
    Reply((Again(b"HTTP/1.1 100 Continue\r\n\r\n" * 500),), raw=True),
]
# Far below the read timeout, and far above what a loaded machine needs.
PROMPT_SECONDS = 10.0


def seconds_until_aborted(call: Call, when: threading.Event) -> float:
    """Aborts once `when` is set; returns how long the reader then took to notice."""
    aborted_at: list[float] = []

    def abort() -> None:
        when.wait(30)
        time.sleep(0.05)  # let the reader block
        aborted_at.append(time.monotonic())
        call.abort()

    thread = threading.Thread(target=abort)
    thread.start()
    with pytest.raises(CallAborted):
        list(call)
    ended_at = time.monotonic()
    thread.join()
    call.close()
    return ended_at - aborted_at[0]


def arrival(upstream: FakeUpstream) -> threading.Event:
    came = threading.Event()

    def wait() -> None:
        upstream.wait_for_requests(1)
        came.set()

    threading.Thread(target=wait, daemon=True).start()
    return came


@pytest.mark.parametrize(
    "reply",
    [
        says("x").silent(),
        says("x").stalled_after(0),
        says("x").stalled_after(1),
        says("x", "y").stalled_after(2),
        says("x", finish=None, done=False).stalled_after(99),
        says(*["x"] * 10_000).delayed(0.01),
        fails(429, headers={"Retry-After": "15"}),
        *FLOODS,
    ],
)
def test_ends_at_once_wherever_the_answer_stands(
    reply: Reply, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(reply)
    call = open_call(question(), target(upstream, read_timeout=30), transport=http)

    assert seconds_until_aborted(call, arrival(upstream)) < PROMPT_SECONDS
    assert call.http_calls == 1


def test_ends_at_once_on_a_connection_that_was_used_before(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    list(open_call(question(), target(upstream), transport=http))
    upstream.requests.clear()
    upstream.script(says("x").silent())
    call = open_call(question(), target(upstream, read_timeout=30), transport=http)

    assert seconds_until_aborted(call, arrival(upstream)) < PROMPT_SECONDS
    assert upstream.connections_made == 1
    assert upstream.requests[0].disconnected.wait(30)
    assert call.has_sent_prompt


@contextmanager
def full_listener() -> Iterator[int]:
    """A port whose backlog is full, so that new connections hang."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for sock in waiting:
            sock.close()


def test_ends_at_once_while_it_connects(http: httpx.BaseTransport) -> None:
    with full_listener() as port:
        call = open_call(question(), target(f"http://127.0.0.1:{port}/v1", connect_timeout=30), transport=http)
        now = threading.Event()
        now.set()

        assert seconds_until_aborted(call, now) < PROMPT_SECONDS
        assert not call.has_sent_prompt


def test_ends_at_once_in_the_middle_of_a_tls_handshake(http: httpx.BaseTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        call = open_call(question(), target(f"https://127.0.0.1:{port}/v1", connect_timeout=30), transport=http)
        now = threading.Event()
        now.set()

        assert seconds_until_aborted(call, now) < PROMPT_SECONDS


def test_sends_nothing_after_an_abort(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    call = open_call(question(), target(upstream), transport=http)
    call.abort()

    with pytest.raises(CallAborted):
        list(call)

    assert upstream.requests == []


def test_yields_nothing_more_after_an_abort(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(says("a", "b", "c"))
    call = open_call(question(), target(upstream), transport=http)
    events = iter(call)
    seen = [next(events), next(events)]
    call.abort()

    with pytest.raises(CallAborted):
        next(events)

    assert seen[-1] == TextDelta("a")


def test_a_late_abort_leaves_the_next_call_alone(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    first = open_call(question(), target(upstream), transport=http)
    list(first)
    upstream.script(says("a", "b"))
    second = iter(open_call(question(), target(upstream), transport=http))
    next(second)
    first.abort()
    first.abort()

    assert [event.text for event in second if isinstance(event, TextDelta)] == ["a", "b"]
    assert upstream.connections_made == 1


def test_ends_the_call_of_one_thread_and_no_other(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.default = lambda body: says(*["x"] * 20).stalled_after(10)
    calls = [open_call(question(), target(upstream, read_timeout=30), transport=http) for _ in range(20)]
    outcomes: dict[int, str] = {}

    def read(number: int) -> None:
        try:
            outcomes[number] = "".join(event.text for event in calls[number] if isinstance(event, TextDelta))
        except CallAborted:
            outcomes[number] = "aborted"

    threads = [threading.Thread(target=read, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    upstream.wait_for_requests(20)
    for call in calls[::2]:
        call.abort()
    for thread in threads[::2]:
        thread.join(PROMPT_SECONDS)
    upstream.release()
    for thread in threads:
        thread.join(30)

    assert outcomes == {number: "x" * 20 if number % 2 else "aborted" for number in range(20)}
