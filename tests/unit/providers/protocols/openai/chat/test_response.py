import json
from typing import Any

import orjson
import pytest

from providers import serialization
from providers.errors import UpstreamGarbled, UpstreamRateLimited, UpstreamUnavailable
from providers.events import (
    AudioDelta,
    CallStarted,
    ChoiceFinished,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from providers.messages import Usage
from providers.protocols.openai.chat.response import MAX_CHOICES
from tests.fakes.replies import chunk, completion, tokens
from tests.unit.providers.protocols.openai.chat.reading import delta, read, read_bytes, reader


def test_returns_the_start_once_with_the_vendors_fields_of_the_call() -> None:
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
def test_reads_every_kind_of_delta(fields: dict[str, Any], expected: list[StreamEvent]) -> None:
    assert read(delta(**fields)) == expected


def test_names_the_field_of_reasoning_only_once() -> None:
    assert read(delta(reasoning="a"), delta(reasoning="b")) == [
        ReasoningDelta("a", 0, {"v": {"field": "reasoning"}}),
        ReasoningDelta("b"),
    ]


def test_a_log_probability_of_null_becomes_a_number() -> None:
    top = b'[{"token":"b","logprob":-Infinity},{"token":"c","logprob":-0.5}]'
    tokens = b'[{"token":"a","logprob":NaN,"top_logprobs":%b}]' % top

    (said,) = read_bytes(b'{"choices":[{"delta":{"content":"a"},"logprobs":{"content":%b}}]}' % tokens)

    assert isinstance(said, TextDelta)
    assert said.logprobs == {
        "content": [
            {
                "token": "a",
                "logprob": -9999.0,
                "top_logprobs": [{"token": "b", "logprob": -9999.0}, {"token": "c", "logprob": -0.5}],
            }
        ]
    }


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


def test_joins_the_vendors_fields_of_the_answer() -> None:
    assert read(
        delta(annotations=[{"url": 1}], mood="calm"),
        delta(annotations=[{"url": 2}], none=None),
        chunk({}, finish="stop"),
    ) == [ChoiceFinished("stop", 0, {"v": {"annotations": [{"url": 1}, {"url": 2}], "mood": "calm"}})]


def test_reads_tool_calls_in_fragments() -> None:
    assert read(
        delta(tool_calls=[{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": '{"a"'}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": ":1}"}}]),
    ) == [ToolCallDelta(0, "c1", "f", '{"a"'), ToolCallDelta(0, arguments=":1}")]


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
def test_refuses_what_is_not_a_chunk(payload: bytes) -> None:
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


@pytest.mark.parametrize("index", [40_000, 2**31, 10**18, 1e30, "40000", -1, "x", None, [], {}, True, 0.0])
def test_a_choice_without_a_valid_index_is_the_first(index: Any) -> None:
    odd = {"choices": [{"index": index, "delta": {"content": "a"}, "finish_reason": "stop"}]}

    assert read(odd)[0] == TextDelta("a", 0)


def test_keeps_choices_apart_whose_indexes_are_too_large() -> None:
    events = read(*(chunk({"content": "a"}, choice=index) for index in (0, 40_000, 50_000, 40_000)))

    assert events == [TextDelta("a", number) for number in (0, 1, 2, 1)]


def test_refuses_an_unreasonable_number_of_choices() -> None:
    with pytest.raises(UpstreamGarbled):
        read(*(chunk({"content": "a"}, choice=MAX_CHOICES + number) for number in range(MAX_CHOICES + 1)))


def test_limits_the_vendors_fields_of_the_call() -> None:
    own = {
        "id": "i\x00\ud83d",
        "system_fingerprint": "f" * 100_000,
        "deep": [[[1]]],
        "more": "m" * 30_000,
        "rest": "r" * 9_000,
    }

    (started,) = reader().read(json.dumps({**delta(), "model": "m" * 5000, **own}).encode())

    assert started == CallStarted(
        "req", "m" * 256, {"v": {"id": "i\ufffd\ufffd", "deep": [[[1]]], "more": "m" * 30_000}}
    )


@pytest.mark.parametrize("model", [7, ["m"], {"m": 1}, "", None])
def test_ignores_a_model_that_is_not_a_name(model: Any) -> None:
    (started,) = reader().read(json.dumps({**delta(), "model": model}).encode())

    assert started == CallStarted("req", None, {"v": {"id": "chatcmpl-fake"}})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"data": "QUJD", "format": "wav", "own": [1]}, {"data": "QUJD", "format": "wav"}),
        ({"id": 7, "data": "no base64!", "transcript": ["x"], "expires_at": "soon"}, {}),
        ({"id": "i" * 999, "expires_at": 1e30, "transcript": "a\x00"}, {"id": "i" * 256, "transcript": "a\ufffd"}),
        ({"data": {"a": 1}, "expires_at": 17.0}, {"expires_at": 17}),
    ],
)
def test_keeps_only_the_formats_fields_of_audio(given: Any, kept: dict[str, Any]) -> None:
    assert read(delta(audio=given)) == ([AudioDelta(kept)] if kept else [])


def test_limits_the_depth_of_opaque_fields() -> None:
    """The fields are nested as deeply as a whole chunk may be."""
    deep = b'{"choices":[{"delta":{"content":"a","x":%b},"logprobs":{"content":%b},"finish_reason":"stop"}]}'
    nested = b"[" * 300 + b"]" * 300

    events = read_bytes(deep % (nested, nested))

    for event in events:
        orjson.dumps([[serialization.dump_event(event)]])
    assert [type(event) for event in events] == [TextDelta, ChoiceFinished]
