"""A protocol is one class, one entry of the registry and one vendor of the catalogue: shown with one of our own."""

import json
from functools import partial

import httpx
import pytest

from providers import catalog
from providers.calls.base import Call
from providers.calls.http_call import HttpCall
from providers.catalog import Catalog, Target
from providers.errors import ContextTooLong, UpstreamCut, UpstreamRejected
from providers.events import CallStarted, ChoiceFinished, StreamEvent, TextDelta, UsageReported
from providers.messages import ChatRequest, EmbeddingRequest, Message, Request, Role, TextPart, Usage
from providers.protocols.registry import PROTOCOLS, open_call
from tests.integration.conversations.outbound.receivers import Receiver, Script, answering
from tests.integration.providers.protocols.toy import ToyProtocol

CATALOGUE = """
[vendors]
toys = { display_name = "Toys", protocol = "toy", env_prefix = "TOYS_" }
[[groups]]
vendor = "toys"
context = 1000
output = 100
models = ["toy-1"]
[aliases]
toy = { model = "toy-1" }
"""
QUESTION = ChatRequest("toy", (Message(Role.USER, (TextPart("Hi"),)),), {"aloud": True})
WHOLE = b'{"spoken": "Hello", "cost": [1, 2]}'
STREAM = b"event: piece\ndata: Hel\n\nevent: piece\ndata: lo\n\nevent: over\ndata: [1, 2]\n\n"


def target(server: Receiver) -> Target:
    entry = Catalog.from_toml(CATALOGUE).models["toy"]
    base_url = f"http://127.0.0.1:{server.port}/api"
    return catalog.target_for(entry, api_key="k-1", base_url=base_url, connect_timeout=5.0, read_timeout=30.0)


def open_toy(server: Receiver, http: httpx.BaseTransport, *, request: Request = QUESTION) -> Call:
    protocols = {**PROTOCOLS, "toy": partial(HttpCall, protocol=ToyProtocol())}
    return open_call(request, target(server), transport=http, protocols=protocols)


def events_of(script: Script, http: httpx.BaseTransport) -> list[StreamEvent]:
    with Receiver(script) as server, open_toy(server, http) as call:
        return list(call)


def test_asks_in_the_targets_protocol(http: httpx.BaseTransport) -> None:
    with Receiver(answering(WHOLE)) as server, open_toy(server, http) as call:
        list(call)

    (request,) = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api/talk HTTP/1.1\r\n")
    assert b"\r\nX-Toy-Key: k-1\r\nX-Toy-Version: 7\r\n" in head
    assert b"authorization" not in head.lower()
    assert json.loads(body) == {"to": "toy-1", "heard": ["Hi"], "aloud": True}


def test_reads_a_whole_answer(http: httpx.BaseTransport) -> None:
    assert events_of(answering(WHOLE, "200 OK", "Request-Id: r-1"), http) == [
        CallStarted("r-1", "toy"),
        TextDelta("Hello"),
        ChoiceFinished("stop"),
        UsageReported(Usage(1, 2)),
    ]


def test_reads_a_stream(http: httpx.BaseTransport) -> None:
    assert events_of(answering(STREAM), http) == [
        CallStarted(None, "toy"),
        TextDelta("Hel"),
        TextDelta("lo"),
        ChoiceFinished("stop"),
        UsageReported(Usage(1, 2)),
    ]


def test_raises_the_error_that_the_protocol_names(http: httpx.BaseTransport) -> None:
    body = b'{"oops": "My ears are full.", "because": "too-much"}'

    with pytest.raises(ContextTooLong, match=r"^My ears are full\.$") as raised:
        events_of(answering(body, "422 Unprocessable Entity", "Request-Id: r-2"), http)

    assert (raised.value.status, raised.value.vendor_code, raised.value.request_id) == (422, "too-much", "r-2")


def test_leaves_it_to_the_protocol_when_an_answer_was_cut(http: httpx.BaseTransport) -> None:
    half = STREAM.partition(b"event: over")[0]
    with Receiver(answering(half)) as server, open_toy(server, http) as call:
        events = iter(call)
        assert [next(events) for _ in range(3)] == [CallStarted(None, "toy"), TextDelta("Hel"), TextDelta("lo")]
        with pytest.raises(UpstreamCut, match=r"^The toy fell silent\.$"):
            next(events)


def test_sends_nothing_for_what_the_protocol_does_not_have(http: httpx.BaseTransport) -> None:
    with (
        Receiver(answering(WHOLE)) as server,
        open_toy(server, http, request=EmbeddingRequest("toy", ("Hi",))) as call,
        pytest.raises(UpstreamRejected, match=r"^Toys only talk\.$"),
    ):
        list(call)

    assert (call.http_calls, server.requests) == (0, [])


def test_makes_several_calls_where_a_protocol_answers_once(http: httpx.BaseTransport) -> None:
    two = ChatRequest("toy", QUESTION.messages, {"n": 2})
    # The server closes after each response. Unannounced, the second call may meet the closed connection and be retried.
    with (
        Receiver(answering(WHOLE, "200 OK", "Connection: close")) as server,
        open_toy(server, http, request=two) as call,
    ):
        answers = [event for event in call if isinstance(event, TextDelta)]

    assert answers == [TextDelta("Hello", 0), TextDelta("Hello", 1)]
    assert call.http_calls == 2
