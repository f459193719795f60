"""Conformance: tool calls to each SDK and their results back, one or several, whole and in fragments."""

from typing import Any

import pytest

from tests.conformance.expected import choice, streamed
from tests.conformance.sdks import Sdk
from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, user

pytestmark = pytest.mark.conformance

TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
WEATHER = [user("Weather in Bonn and Köln?")]
BONN, COLOGNE = '{"city": "Bonn"}', '{"city": "Köln"}'
CALLS = [["call_1", "function", "weather", BONN], ["call_2", "function", "weather", COLOGNE]]


def two_calls() -> Any:
    """Side by side, each in fragments, as vendors send them."""
    fragments = [
        {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}},
        {"index": 0, "function": {"arguments": BONN[:7]}},
        {"index": 1, "id": "call_2", "type": "function", "function": {"name": "weather", "arguments": ""}},
        {"index": 0, "function": {"arguments": BONN[7:]}},
        {"index": 1, "function": {"arguments": COLOGNE}},
    ]
    return says(tool_calls=fragments, finish="tool_calls")


def test_streams_parallel_tool_calls(sdk: Sdk, upstream: FakeUpstream) -> None:
    upstream.script(two_calls())

    result = sdk.ask("stream", model=MODEL, messages=WEATHER, tools=TOOLS)

    calls = {"0": CALLS[0], "1": CALLS[1]}
    assert result == streamed({"0": ""}, calls=calls, finish_reasons={"0": "tool_calls"})


def test_the_sdks_stream_helper_adds_up_parallel_tool_calls(sdk: Sdk, upstream: FakeUpstream) -> None:
    upstream.script(two_calls())

    result = sdk.ask("stream_helper", model=MODEL, messages=WEATHER, tools=TOOLS)

    assert result["choices"] == [choice(0, None, tool_calls=CALLS, finish_reason="tool_calls")]


def test_takes_the_results_of_its_calls(sdk: Sdk, upstream: FakeUpstream) -> None:
    round_trip(sdk, upstream, "tool_round_trip")


def test_takes_its_own_message_back_with_every_null(python_sdk: Sdk, upstream: FakeUpstream) -> None:
    round_trip(python_sdk, upstream, "tool_round_trip_dumped")


def round_trip(sdk: Sdk, upstream: FakeUpstream, verb: str) -> None:
    upstream.script(two_calls(), says("Sunny in both."))

    result = sdk.ask(verb, model=MODEL, messages=WEATHER, tools=TOOLS)

    assert result == {"calls": CALLS, "content": "Sunny in both.", "http_requests": 2}
    assert upstream.requests[1].messages == [
        *WEATHER,
        {"role": "assistant", "content": None, "tool_calls": [call(*one) for one in CALLS]},
        {"role": "tool", "tool_call_id": "call_1", "content": "result call_1"},
        {"role": "tool", "tool_call_id": "call_2", "content": "result call_2"},
    ]


def call(call_id: str, kind: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": kind, "function": {"name": name, "arguments": arguments}}
