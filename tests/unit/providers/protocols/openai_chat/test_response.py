import json
from typing import Any

import pytest

from providers.errors import UpstreamCut, UpstreamGarbled, UpstreamRateLimited, UpstreamUnavailable
from providers.events import (
    AudioDelta,
    CallStarted,
    ChoiceFinished,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from providers.messages import Usage
from providers.protocols.openai_chat.response import ResponseReader
from tests.fakes.replies import chunk, completion, tokens


def reader(vendor: str = "v") -> ResponseReader:
    return ResponseReader(vendor=vendor, label="V", secret="sk-secret", request_id="req")


def read(*payloads: Any) -> list[Event]:
    """Everything but the start."""
    return read_bytes(*(json.dumps(payload).encode() for payload in payloads))


def read_bytes(*payloads: bytes) -> list[Event]:
    found = reader()
    events = [event for payload in payloads for event in found.read(payload)]
    return [event for event in events if not isinstance(event, CallStarted)]


def delta(**fields: Any) -> dict[str, Any]:
    return chunk(fields)


def test_tells_the_start_once_with_what_the_vendor_says_of_the_call() -> None:
    found = reader()

    first = found.read(
        json.dumps({**delta(role="assistant"), "system_fingerprint": "fp", "service_tier": None}).encode()
    )
    second = found.read(json.dumps(delta(content="a")).encode())

    assert first == [CallStarted("req", "fake-model", {"v": {"id": "chatcmpl-fake", "system_fingerprint": "fp"}})]
    assert second == [TextDelta("a")]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"content": "Hel"}, [TextDelta("Hel")]),
        ({"content": "你好\u2028"}, [TextDelta("你好\u2028")]),
        ({"content": ""}, []),
        ({"content": None}, []),
        ({"role": "assistant", "content": "a"}, [TextDelta("a")]),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}, "?"]}, [TextDelta("ab")]),
        ({"content": 7}, [TextDelta("7")]),
        ({"reasoning_content": "hm"}, [ReasoningDelta("hm", 0, {"v": {"field": "reasoning_content"}})]),
        ({"reasoning": "hm", "content": ""}, [ReasoningDelta("hm", 0, {"v": {"field": "reasoning"}})]),
        (
            {"content": "a", "reasoning_content": "hm"},
            [ReasoningDelta("hm", 0, {"v": {"field": "reasoning_content"}}), TextDelta("a")],
        ),
        ({"reasoning_details": [{"id": 1}]}, [ReasoningDelta("", 0, {"v": {"reasoning_details": [{"id": 1}]}})]),
        ({"refusal": "no"}, [RefusalDelta("no")]),
        ({"content": None, "refusal": None}, []),
        ({"audio": {"id": "a", "data": "AAAA"}}, [AudioDelta({"id": "a", "data": "AAAA"})]),
        ({"audio": None, "tool_calls": None}, []),
        ({"tool_calls": "?"}, []),
    ],
)
def test_reads_every_kind_of_delta(fields: dict[str, Any], expected: list[Event]) -> None:
    assert read(delta(**fields)) == expected


def test_names_the_field_of_thoughts_only_once() -> None:
    assert read(delta(reasoning="a"), delta(reasoning="b")) == [
        ReasoningDelta("a", 0, {"v": {"field": "reasoning"}}),
        ReasoningDelta("b"),
    ]


def test_reads_logprobs_with_their_text_and_without() -> None:
    logprobs = {"content": [{"token": "a"}], "refusal": None}
    with_text = chunk({"content": "a"})
    with_text["choices"][0]["logprobs"] = logprobs
    alone = chunk({})
    alone["choices"][0]["logprobs"] = logprobs
    alone["choices"][0]["delta"] = {"content": ""}

    assert read(with_text, alone) == [TextDelta("a", 0, logprobs), TextDelta("", 0, logprobs)]


def test_keeps_choices_apart() -> None:
    assert read(chunk({"content": "a"}, choice=1), chunk({"content": "b"}), chunk({}, finish="length", choice=1)) == [
        TextDelta("a", 1),
        TextDelta("b", 0),
        ChoiceFinished("length", 1),
    ]


def test_reads_several_choices_in_one_chunk() -> None:
    both = chunk({"content": "a"})
    both["choices"].append({"index": "1", "delta": {"content": "b"}, "finish_reason": "stop"})

    assert read(both) == [TextDelta("a", 0), TextDelta("b", 1), ChoiceFinished("stop", 1)]


def test_finishes_a_choice_once() -> None:
    assert read(delta(content="a"), *[chunk({}, finish="stop")] * 2, chunk({}, finish="")) == [
        TextDelta("a"),
        ChoiceFinished("stop"),
    ]


def test_gathers_what_the_vendor_says_of_the_answer() -> None:
    assert read(
        delta(annotations=[{"url": 1}], mood="calm"),
        delta(annotations=[{"url": 2}], none=None),
        chunk({}, finish="stop"),
    ) == [ChoiceFinished("stop", 0, {"v": {"annotations": [{"url": 1}, {"url": 2}], "mood": "calm"}})]


def test_reads_tool_calls_by_fragments() -> None:
    assert read(
        delta(tool_calls=[{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": '{"a"'}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": ":1}"}}]),
    ) == [ToolCallDelta(0, "c1", "f", '{"a"'), ToolCallDelta(0, arguments=":1}")]


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        (tokens(3, 4), Usage(3, 4)),
        ({"prompt_tokens": "3", "completion_tokens": 4.0}, Usage(3, 4)),
        ({"prompt_tokens": 3, "completion_tokens": None}, Usage(3, 0)),
        (
            {
                **tokens(3, 4),
                "prompt_tokens_details": {"cached_tokens": 2, "odd": "x"},
                "completion_tokens_details": {"reasoning_tokens": 1, "audio_tokens": None},
            },
            Usage(3, 4, {"cached_tokens": 2}, {"reasoning_tokens": 1}),
        ),
        ({**tokens(3, 4), "prompt_tokens_details": None, "completion_tokens_details": 7}, Usage(3, 4)),
    ],
)
def test_reads_usage_after_the_finish(wire: dict[str, Any], usage: Usage) -> None:
    assert read(chunk({"content": "a"}, finish="stop"), {"choices": [], "usage": wire})[2:] == [UsageReported(usage)]


@pytest.mark.parametrize(
    "wire", [None, {}, [], "?", {"total_tokens": 3}, {"prompt_tokens": -1}, {"prompt_tokens": "x"}]
)
def test_takes_a_usage_without_counts_for_none(wire: Any) -> None:
    assert read(chunk({"content": "a"}, finish="stop"), {"choices": [], "usage": wire})[2:] == []


def test_tells_a_running_usage_only_at_the_end() -> None:
    found = reader()
    for count in (1, 2):
        found.read(json.dumps({**delta(content="a"), "usage": tokens(5, count)}).encode())
    found.read(json.dumps(chunk({}, finish="stop")).encode())

    assert found.finish() == [UsageReported(Usage(5, 2))]


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"choices": None},
        {"choices": {}},
        {"choices": [None, 1, "x", []]},
        {"choices": [{}]},
        {"choices": [{"delta": None, "index": None}]},
        {"choices": [{"delta": [], "index": "x", "finish_reason": None}]},
        {"choices": [], "error": None, "usage": None},
        {"choices": [{"delta": {"tool_calls": [None, {}, {"function": None}]}, "index": -1}]},
    ],
)
def test_survives_odd_shapes(odd: dict[str, Any]) -> None:
    assert [event for event in read(odd) if not isinstance(event, ToolCallDelta)] == []


@pytest.mark.parametrize("payload", [b"{", b"hello", b"", b"[1]", b"7", b'"x"', b'{"a":}', b"{\n}\n{"])
def test_refuses_what_is_no_chunk(payload: bytes) -> None:
    with pytest.raises(UpstreamGarbled):
        reader().read(payload)


def test_raises_an_error_object_inside_a_stream() -> None:
    found = reader()
    found.read(json.dumps(delta(content="a")).encode())

    with pytest.raises(UpstreamRateLimited) as caught:
        found.read(b'{"error":{"message":"slow","code":429}}')

    assert (caught.value.status, caught.value.request_id) == (429, "req")


def test_raises_openrouters_error_reason() -> None:
    with pytest.raises(UpstreamUnavailable):
        read(chunk({}, finish="error"))


def test_reads_a_whole_completion_as_the_same_events() -> None:
    body = completion("Hello", usage=tokens(1, 2))
    body["choices"][0]["message"]["tool_calls"] = [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]
    found = reader()

    events = found.read_whole(json.dumps(body).encode()) + found.finish()

    assert events == [
        CallStarted("req", "fake-model", {"v": {"id": "chatcmpl-fake"}}),
        TextDelta("Hello"),
        ToolCallDelta(0, "c1", "f", "{}"),
        ToolCallDelta(1, "c2", "g", "{}"),
        ChoiceFinished("stop"),
        UsageReported(Usage(1, 2)),
    ]


@pytest.mark.parametrize("body", [b"{}", b'{"status":"success","data":{}}', b"{nope", b"[]"])
def test_refuses_a_whole_body_that_is_no_completion(body: bytes) -> None:
    with pytest.raises(UpstreamGarbled):
        reader().read_whole(body)


@pytest.mark.parametrize(
    ("payloads", "complete"),
    [
        ([], False),
        ([delta(content="a")], False),
        ([chunk({}, finish="stop")], True),
        ([chunk({}, finish="stop"), chunk({"content": "b"}, choice=1)], False),
        ([chunk({}, finish="stop"), chunk({}, finish="stop", choice=1)], True),
    ],
)
def test_knows_a_cut_answer_from_a_complete_one(payloads: list[Any], complete: bool) -> None:
    found = reader()
    for payload in payloads:
        found.read(json.dumps(payload).encode())

    assert found.is_complete is complete
    if not complete:
        with pytest.raises(UpstreamCut):
            found.finish()
