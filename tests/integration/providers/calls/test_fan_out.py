"""Several answers to one question, over real HTTP."""

import threading

import httpx
import pytest

from providers.errors import CallAborted, UpstreamRejected
from providers.events import StreamEvent, TextDelta, UsageReported
from providers.messages import ChatRequest, Message, Role, TextPart, Usage
from providers.protocols.registry import open_call
from tests.fakes.replies import chunk, fails, says, streams, tokens
from tests.fakes.upstream import FakeUpstream
from tests.integration.providers.clients import target


def asking(count: int) -> ChatRequest:
    return ChatRequest("m", (Message(Role.USER, (TextPart("Hi"),)),), {"n": count})


def texts(events: list[StreamEvent]) -> list[tuple[str, int]]:
    return [(event.text, event.choice) for event in events if isinstance(event, TextDelta)]


def test_asks_a_vendor_that_ignores_n_again(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(*(says(text, usage=tokens(3, 2)) for text in ("a", "b", "c")))

    with open_call(asking(3), target(upstream), transport=http) as call:
        events = list(call)

    assert texts(events) == [("a", 0), ("b", 1), ("c", 2)]
    assert events[-1] == UsageReported(Usage(9, 6, of_calls=(Usage(3, 2), Usage(3, 2), Usage(3, 2))))
    assert [request.body["n"] for request in upstream.requests] == [3, 2, 1]
    assert call.http_calls == 3


def test_asks_a_vendor_that_brings_all_once(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    deltas = [chunk({"content": text}, choice=place) for place, text in enumerate("ab")]
    ends = [chunk({}, finish="stop", choice=place) for place in range(2)]
    upstream.script(streams(*deltas, *ends, "[DONE]"))

    with open_call(asking(2), target(upstream), transport=http) as call:
        events = list(call)

    assert texts(events) == [("a", 0), ("b", 1)]
    assert len(upstream.requests) == 1


def test_aborts_a_later_call(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(says("a"), says("b").stalled_after(2))
    seen: list[StreamEvent] = []

    def abort_the_second() -> None:
        upstream.wait_for_requests(2)
        call.abort()

    with open_call(asking(2), target(upstream, read_timeout=30), transport=http) as call:
        aborting = threading.Thread(target=abort_the_second)
        aborting.start()
        with pytest.raises(CallAborted):
            seen.extend(call)
        aborting.join()

    assert len(upstream.requests) == 2
    assert upstream.requests[1].disconnected.wait(30)


def test_fails_when_a_later_call_does(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(says("a"), fails(400, "No more."))

    with (
        open_call(asking(3), target(upstream), transport=http) as call,
        pytest.raises(UpstreamRejected, match="No more"),
    ):
        list(call)

    assert len(upstream.requests) == 2
