"""Vendors whose answers never end: each call ends."""

import time
from dataclasses import replace

import httpx
import pytest

from providers import errors
from providers.calls import answer_body, exchange
from providers.events import UsageReported
from providers.messages import Usage
from tests.fakes.replies import Act, Again, Pause, Reply, chunk, event, fails, says, streams, tokens
from tests.fakes.upstream import FakeUpstream
from tests.integration.providers.clients import ask, target

# How much longer a loaded machine may take.
LEEWAY_SECONDS = 30.0
WHOLE = says("Hel", "lo", done=False)
USAGE = event({"choices": [], "usage": tokens(3, 4)})


@pytest.mark.parametrize(
    "beat",
    [
        Again(b": ping\n\n", 0.05),
        Again(b":", 0.05),
        Again(b"event: ping\ndata: {}\n\n", 0.05),
        Again(b"data:\n\n", 0.05),
        Again(event(chunk({"content": ""})), 0.05),
        Again(event({"choices": [], "usage": tokens(1, 2)}), 0.05),
        Again(b"data: nonsense\n\n", 0.05),
        Again(b": " + b"x" * 50_000 + b"\n\n"),
        Act.STALL,
    ],
)
def test_waits_only_for_the_grace_period_once_every_choice_is_finished(
    beat: Again | Act, upstream: FakeUpstream, http: httpx.BaseTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_body, "GRACE_SECONDS", 0.4)
    upstream.script(replace(WHOLE, steps=(*WHOLE.steps, beat)))
    began = time.monotonic()

    outcome = ask(http, target(upstream, read_timeout=120.0))

    assert (outcome.error, outcome.text, outcome.http_calls) == (None, "Hello", 1)
    assert 0.3 < time.monotonic() - began < 0.4 + LEEWAY_SECONDS
    assert upstream.requests[0].disconnected.wait(LEEWAY_SECONDS)


def test_reads_the_usage_that_comes_within_the_grace_period(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(replace(WHOLE, steps=(*WHOLE.steps, b": ping\n\n", Pause(0.2), USAGE, Again(b": ping\n\n", 0.05))))

    outcome = ask(http, target(upstream))

    assert (outcome.error, outcome.text) == (None, "Hello")
    assert outcome.events[-1] == UsageReported(Usage(3, 4))


@pytest.mark.parametrize(
    "reply",
    [
        replace(fails(429, headers={"Retry-After": "90"}), steps=(b'{"err', Again(b" ", 0.05)), length=False),
        replace(fails(400), steps=(Act.STALL,), length=False),
        replace(fails(400), steps=(Again(b"x" * 10_000),), length=False),
        replace(fails(400), steps=(Again(b"\n" * 10_000),), length=False),
    ],
)
def test_does_not_read_an_error_for_ever(
    reply: Reply, upstream: FakeUpstream, http: httpx.BaseTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "ERROR_BODY_SECONDS", 0.3)
    upstream.script(reply)
    began = time.monotonic()

    outcome = ask(http, target(upstream, read_timeout=120.0))

    assert isinstance(outcome.error, errors.UpstreamRateLimited | errors.UpstreamRejected)
    assert time.monotonic() - began < 0.3 + LEEWAY_SECONDS


@pytest.mark.parametrize(
    "steps",
    [
        (Again(b"HTTP/1.1 102 Processing\r\n\r\n", 0.02),),
        (Again(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),),
        (b"HTTP/1.1 200 OK\r\n", Again(b"x", 0.05)),
    ],
)
def test_does_not_wait_for_headers_for_ever(
    steps: tuple[bytes | Again, ...], upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(*[Reply(steps, raw=True)] * 3)
    began = time.monotonic()

    outcome = ask(http, target(upstream, connect_timeout=0.1, read_timeout=0.2))

    assert isinstance(outcome.error, errors.ProviderError)
    assert time.monotonic() - began < 3 * 0.6 + LEEWAY_SECONDS


@pytest.mark.parametrize(
    "reply",
    [
        Reply((*streams(chunk({"content": "x"})).steps, Again(event(chunk({"content": "x" * 9_000}))))),
        Reply((Again(b": " + b"x" * 9_000 + b"\n\n"),)),
        Reply((b'{"x": "', Again(b"x" * 9_000))),
    ],
)
def test_gives_up_on_an_answer_of_unreasonable_size(
    reply: Reply, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(reply)

    outcome = ask(http, target(upstream, max_answer_bytes=10_000))

    assert type(outcome.error) is errors.AnswerTooLong
    assert upstream.requests[0].disconnected.wait(LEEWAY_SECONDS)


def test_reuses_the_connection_when_all_came_within_the_grace_period(
    upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    """The limit of one call does not apply to the next."""
    for _ in range(3):
        upstream.script(says("Hi"))
        assert ask(http, target(upstream)).text == "Hi"

    assert upstream.connections_made == 1


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
HELLO = b"".join(step for step in WHOLE.steps if isinstance(step, bytes))
CHUNKED_HELLO = HEAD + b"\r\n%x\r\n%b\r\n" % (len(HELLO), HELLO)
WITHOUT_END = HEAD + b"\r\n9\r\n: hello\n\n\r\n"


@pytest.mark.parametrize(
    "steps",
    [
        (HEAD, b"x-long: ", Again(b"x" * 10_000)),
        (HEAD, Again(b"x-many: x\r\n" * 1_000)),
        (WITHOUT_END + b"0\r\n", Again(b"x-trailer: x\r\n" * 1_000)),
        (WITHOUT_END + b"0\r\nx-trailer: ", Again(b"x" * 10_000)),
        (WITHOUT_END, Again(b"0" * 10_000)),
        (WITHOUT_END + b"5;x=", Again(b"x" * 10_000)),
        (b"HTTP/1.1 ", Again(b"2" * 10_000)),
    ],
)
def test_limits_headers_and_chunk_framing_without_end(
    steps: tuple[bytes | Again, ...], upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(*[Reply(steps, raw=True)] * 3)

    outcome = ask(http, target(upstream, read_timeout=120.0))

    assert isinstance(outcome.error, errors.UpstreamUnreachable | errors.UpstreamCut)
    assert outcome.http_calls == 3
    assert all(request.disconnected.wait(LEEWAY_SECONDS) for request in upstream.requests)


@pytest.mark.parametrize("trailer", [b"0\r\n", b"0\r\nx-trailer: "])
def test_a_complete_answer_is_one_whatever_follows_it(
    trailer: bytes, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(Reply((CHUNKED_HELLO + trailer, Again(b"x: x\r\n" * 1_000)), raw=True))

    outcome = ask(http, target(upstream))

    assert (outcome.error, outcome.text, outcome.http_calls) == (None, "Hello", 1)
    assert upstream.requests[0].disconnected.wait(LEEWAY_SECONDS)


def test_follows_no_redirect(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    """The key would be sent to another server, and redirects could go round in circles."""
    upstream.default = lambda _: Reply(status=307, headers={"Location": f"{upstream.base_url}/chat/completions"})

    outcome = ask(http, target(upstream))

    assert isinstance(outcome.error, errors.ProviderError)
    assert len(upstream.requests) == outcome.http_calls == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply((b"data: ", Again(b"x" * 65_536))),
        Reply((Again(b"x" * 65_536),)),
        Reply((b"data: x\n", Again(b"data: x\n" * 8_000))),
    ],
)
def test_gives_up_on_an_event_that_never_ends(reply: Reply, upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(reply)

    outcome = ask(http, target(upstream))

    assert type(outcome.error) is errors.UpstreamGarbled
    assert upstream.requests[0].disconnected.wait(LEEWAY_SECONDS)
