"""Exact bytes, and every chunk against the SDK's types. What real readers make of them: the journeys."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.dialects.openai.chat.stream import ChunkStream
from conversations.values.runs import RunEnded, RunEvent, RunStatus
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
from tests import openai_types
from tests.unit.conversations.dialects.openai.reply_context import (
    CANCELLED,
    COMPLETED,
    CREATED,
    ID,
    INCOMPLETE,
    context,
    run,
)

HEAD = f'data: {{"id":"{ID}","object":"chat.completion.chunk","created":{CREATED},"model":"gpt-4o","choices":['
STOP = ChoiceFinished("stop")
NOTHING: tuple[StreamEvent, ...] = (CallStarted("req-1", "m"), UsageReported(Usage(1, 1)))
ANSWER: tuple[StreamEvent, ...] = (TextDelta("Hi"), STOP, UsageReported(Usage(1, 1)))


def written(items: Sequence[RunEvent], **reply: Any) -> list[str]:
    """One write for each event."""
    stream = ChunkStream(context(**reply))
    return [stream.feed(item).decode() for item in items]


def deltas(*events: StreamEvent, ended: RunEnded = COMPLETED, **reply: Any) -> list[Any]:
    """The choices' deltas, without those that only begin and end."""
    chunks = openai_types.payloads("".join(written(run(events, ended), **reply)))
    return [choice["delta"] for chunk in chunks for choice in chunk["choices"]]


def test_the_whole_stream_as_it_stands_on_the_wire() -> None:
    assert written(run([TextDelta("Hel"), TextDelta("lo"), STOP])) == [
        HEAD + '{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
        "id: 1\n" + HEAD + '{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}\n\n',
        "id: 2\n" + HEAD + '{"index":0,"delta":{"content":"lo"},"finish_reason":null}]}\n\n',
        "id: 3\n" + HEAD + '{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
        "id: 4\ndata: [DONE]\n\n",
    ]


def test_usage_comes_last_in_a_chunk_of_its_own_when_asked_for() -> None:
    body = "".join(written(run(ANSWER), include_usage=True))

    *chunks, last = openai_types.payloads(body)
    assert [chunk["usage"] for chunk in chunks] == [None, None, None]
    assert last["choices"] == []
    assert last["usage"] == {
        "prompt_tokens": 9,
        "completion_tokens": 12,
        "total_tokens": 21,
        "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0, "image_tokens": 0, "text_tokens": 9},
        "completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": 0, "text_tokens": 7},
    }


def test_without_being_asked_no_chunk_speaks_of_usage_and_none_is_without_a_choice() -> None:
    chunks = openai_types.payloads("".join(written(run(ANSWER))))

    assert [chunk for chunk in chunks if "usage" in chunk or not chunk["choices"]] == []


def test_id_created_and_model_never_change() -> None:
    chunks = openai_types.payloads("".join(written(run([TextDelta("a"), TextDelta("b", 1), STOP]), include_usage=True)))

    assert {(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks} == {(ID, CREATED, "gpt-4o")}


def test_each_choice_tells_its_role_once() -> None:
    events = [TextDelta("a"), TextDelta("b", 1), TextDelta("c"), ChoiceFinished("length", 1), STOP]

    chunks = openai_types.payloads("".join(written(run(events))))

    roles = [choice["index"] for chunk in chunks for choice in chunk["choices"] if "role" in choice["delta"]]
    assert roles == [0, 1]
    assert (openai_types.said(chunks), openai_types.said(chunks, choice=1)) == ("ac", "b")
    assert openai_types.reasons(chunks) == {0: "stop", 1: "length"}


def test_a_tool_call_is_named_first_and_then_only_continued() -> None:
    found = deltas(
        ToolCallDelta(0, "call_a", "look", '{"a"'),
        ToolCallDelta(1, None, "find"),
        ToolCallDelta(0, arguments=":1}"),
        ToolCallDelta(1, arguments="{}"),
        ChoiceFinished("tool_calls"),
    )

    def named(index: int, call_id: str, name: str) -> Any:
        call = {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
        return {"tool_calls": [call]}

    def continued(index: int, arguments: str) -> Any:
        return {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}

    assert found == [
        {"role": "assistant", "content": None},
        named(0, "call_a", "look"),
        continued(0, '{"a"'),
        named(1, "call_1", "find"),
        continued(0, ":1}"),
        continued(1, "{}"),
        {},
    ]


def test_a_vendors_own_fields_come_with_the_name_of_the_call() -> None:
    call = ToolCallDelta(0, "c", "f", provider_metadata={"acme": {"extra_content": {"seal": 1}}})

    assert deltas(call, STOP)[1]["tool_calls"][0]["extra_content"] == {"seal": 1}


def test_a_custom_tool_gets_its_input() -> None:
    stream = ChunkStream(context())
    body = b"".join(
        stream.feed(item)
        for item in run(
            [
                ToolCallDelta(0, "c", "sh", "l", provider_metadata={"x": {"type": "custom"}}),
                ToolCallDelta(0, arguments="s"),
            ]
        )
    ).decode()

    calls = [json.loads(line[6:]) for line in body.split("\n") if '"tool_calls":' in line]
    assert [call["choices"][0]["delta"]["tool_calls"] for call in calls] == [
        [{"type": "custom", "index": 0, "id": "c", "custom": {"name": "sh", "input": ""}}],
        [{"index": 0, "custom": {"input": "l"}}],
        [{"index": 0, "custom": {"input": "s"}}],
    ]


def test_a_caller_of_2023_gets_a_function_call() -> None:
    events = [
        ToolCallDelta(0, "c", "look", "{"),
        ToolCallDelta(1, "d", "more", "{}"),
        ToolCallDelta(0, arguments="}"),
        ChoiceFinished("tool_calls"),
    ]

    chunks = openai_types.payloads("".join(written(run(events), functions=True)))

    assert [choice["delta"] for chunk in chunks for choice in chunk["choices"]] == [
        {"role": "assistant", "content": None},
        {"function_call": {"name": "look", "arguments": ""}},
        {"function_call": {"arguments": "{"}},
        {"function_call": {"arguments": "}"}},
        {},
    ]
    assert openai_types.reasons(chunks) == {0: "function_call"}


def test_thoughts_refusals_and_speech_have_their_own_fields() -> None:
    speech = {"id": "audio_1", "data": "AAEC", "transcript": "Hi"}

    assert deltas(
        ReasoningDelta("Hm.", 0, {"openrouter": {"field": "reasoning", "reasoning_details": [1]}}),
        ReasoningDelta("", 0, {"openrouter": {"reasoning_details": [2]}}),
        ReasoningDelta("", 0, {"openrouter": {"field": "reasoning"}}),
        RefusalDelta("No."),
        AudioDelta(speech),
        ChoiceFinished("stop", 0, {"openai": {"annotations": []}}),
    ) == [
        {"role": "assistant", "content": None},
        {"reasoning_details": [1], "reasoning_content": "Hm."},
        {"reasoning_details": [2]},
        {"refusal": "No."},
        {"audio": speech},
        {"annotations": []},
    ]


def test_probabilities_stand_beside_the_text_they_are_of() -> None:
    token = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}

    _, chunk, *_ = openai_types.payloads("".join(written(run([TextDelta("Hi", 0, {"content": [token]}), STOP]))))

    assert chunk["choices"][0]["logprobs"] == {"content": [token]}


@pytest.mark.parametrize("char", ["\x85", "\u2028", "\u2029"])
def test_no_character_of_a_text_ends_a_line(char: str) -> None:
    first, *_ = written(run([TextDelta(f"a{char}b你")]))

    assert char not in first
    assert len(first.splitlines()) == len(first.split("\n")) - 1
    assert json.loads(first.strip().rpartition("data: ")[2])["choices"][0]["delta"]["content"] == f"a{char}b你"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_arrives_to_the_letter(text: str) -> None:
    body = "".join(written(run([TextDelta(text), STOP])))

    assert openai_types.said(openai_types.payloads(body)) == text


@pytest.mark.parametrize(("ended", "reason"), [(COMPLETED, "stop"), (CANCELLED, "stop"), (INCOMPLETE, "length")])
def test_a_choice_whose_end_was_not_told_ends_with_the_run(ended: RunEnded, reason: str) -> None:
    events = [TextDelta("a"), TextDelta("b", 1), ChoiceFinished("content_filter", 1)]

    chunks = openai_types.payloads("".join(written(run(events, ended), include_usage=True)))

    assert openai_types.reasons(chunks) == {0: reason, 1: "content_filter"}


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", "stop"),
        ("LENGTH", "length"),
        ("sensitive", "content_filter"),
        ("eos", "stop"),
        ("tool_calls", "tool_calls"),
    ],
)
def test_a_vendors_own_word_for_the_end_becomes_one_of_the_formats(word: str, reason: str) -> None:
    assert openai_types.reasons(openai_types.payloads("".join(written(run([ChoiceFinished(word)]))))) == {0: reason}


def test_an_empty_answer_has_a_role_and_an_end() -> None:
    assert deltas() == [{"role": "assistant", "content": ""}, {}]


def test_events_that_say_nothing_give_no_bytes() -> None:
    assert written(run(NOTHING))[:2] == ["", ""]


def test_a_failure_is_the_last_event_and_no_done_follows() -> None:
    facts = {"param": "stop", "vendor_code": "bad_stop"}
    ended = RunEnded(RunStatus.FAILED, error_code="upstream_refused", error_message="“No”\u2028.", error_facts=facts)

    *_, last = written(run([TextDelta("Hel")], ended))

    assert last == (
        'id: 2\ndata: {"error":{"message":"“No”\\u2028.","type":"invalid_request_error","param":"stop",'
        '"code":"bad_stop"}}\n\n'
    )


def test_a_run_cancelled_before_its_first_word_is_an_error() -> None:
    _, error = openai_types.failed_payloads("".join(written(run([], CANCELLED))))

    assert (error["code"], error["type"]) == ("run_cancelled", "invalid_request_error")


BEGUN_ANEW = (
    b'id: 1\ndata: {"error":{"message":"The answer was interrupted and begun anew: read the run again from its start.",'
    b'"type":"server_error","param":null,"code":"server_error"}}\n\n'
)


@pytest.mark.parametrize("is_known", [False, True], ids=["written", "known before"])
def test_never_follows_text_by_that_of_another_attempt(is_known: bool) -> None:
    stream, again = ChunkStream(context()), run([TextDelta("Bonjour")])
    text = RunEvent(1, TextDelta("Hel"))
    if is_known:
        stream.skip(text)
    else:
        stream.feed(text)

    assert stream.restart(1) == BEGUN_ANEW
    assert stream.is_over
    assert [stream.feed(item) for item in again] == [b"", b""]


def test_an_attempt_that_showed_nothing_is_followed_by_the_next() -> None:
    stream, again = ChunkStream(context()), run([TextDelta("Bonjour"), STOP])
    stream.feed(RunEvent(1, UsageReported(Usage(1, 1))))

    assert stream.restart(1) == b""
    assert [stream.feed(item).decode() for item in again] == written(again)


EVENTS: tuple[StreamEvent, ...] = (
    ReasoningDelta("Hm."),
    TextDelta("Hel"),
    TextDelta("lo"),
    TextDelta("Hi", 1),
    ToolCallDelta(0, "call_a", "look", "{"),
    ToolCallDelta(0, arguments="}"),
    ChoiceFinished("length", 1),
    ChoiceFinished("tool_calls"),
    UsageReported(Usage(1, 1)),
)


@pytest.mark.parametrize("after", range(len(EVENTS) + 1))
def test_a_reader_that_resumes_gets_exactly_the_rest(after: int) -> None:
    items = run(EVENTS)
    whole = written(items, include_usage=True)
    stream = ChunkStream(context(include_usage=True))
    for item in items[:after]:
        stream.skip(item)

    assert [stream.feed(item).decode() for item in items[after:]] == whole[after:]
