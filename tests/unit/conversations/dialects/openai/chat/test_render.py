import json
from collections.abc import Sequence
from typing import Any

import pytest

from conversations.dialects.openai.documents import AnswerCollector
from conversations.errors import RunCancelled, UpstreamFailed
from conversations.values.runs import RunEnded, RunEvent, RunStatus
from providers.events import (
    AudioDelta,
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
    FAILED,
    ID,
    INCOMPLETE,
    context,
    run,
)

STOP = ChoiceFinished("stop")
TOKEN = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}


def collected(items: Sequence[RunEvent], **reply: Any) -> AnswerCollector:
    collector = AnswerCollector(context(**reply))
    for item in items:
        collector.feed(item)
    return collector


def whole(*events: StreamEvent, ended: RunEnded = COMPLETED, **reply: Any) -> Any:
    collector = collected(run(events, ended), **reply)
    assert collector.failure() is None
    body = json.loads(collector.answer())
    openai_types.completion(body)
    return body


def message(*events: StreamEvent, **reply: Any) -> Any:
    return openai_types.only_message(whole(*events, **reply))


def test_the_whole_answer_as_it_stands_on_the_wire() -> None:
    collector = collected(run([TextDelta("Hel"), TextDelta("lo 你"), STOP, UsageReported(Usage(1, 1))]))

    assert collector.answer().decode() == (
        f'{{"id":"{ID}","object":"chat.completion","created":{CREATED},"model":"gpt-4o",'
        '"choices":[{"index":0,"message":{"role":"assistant","content":"Hello 你","refusal":null},"logprobs":null,'
        '"finish_reason":"stop"}],'
        '"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21,'
        '"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0,"image_tokens":0,"text_tokens":9},'
        '"completion_tokens_details":{"reasoning_tokens":5,"audio_tokens":0,"text_tokens":7}}}'
    )


def test_content_is_null_only_where_something_stands_instead() -> None:
    assert message(STOP)["content"] == ""
    assert message(ReasoningDelta("Hm."), ChoiceFinished("length"))["content"] == ""
    assert message(RefusalDelta("No."), STOP) == {"role": "assistant", "content": None, "refusal": "No."}
    assert message(ToolCallDelta(0, "call_1", "look", "{}"), STOP)["content"] is None
    assert message(AudioDelta({"id": "a"}), STOP)["content"] is None


def test_tool_calls_are_whole_and_in_order() -> None:
    body = whole(
        TextDelta("Let me look."),
        ToolCallDelta(0, "call_0", "look", '{"a"'),
        ToolCallDelta(1, None, "find", "{}"),
        ToolCallDelta(0, arguments=":1}"),
        ToolCallDelta(2, "call_3", "sh", "ls", provider_metadata={"openai": {"type": "custom"}}),
        ToolCallDelta(3, "call_4", "f", "", provider_metadata={"acme": {"extra_content": {"seal": "s"}}}),
        ChoiceFinished("tool_calls"),
    )

    assert body["choices"][0]["finish_reason"] == "tool_calls"
    assert openai_types.only_message(body) == {
        "role": "assistant",
        "content": "Let me look.",
        "refusal": None,
        "tool_calls": [
            {"id": "call_0", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}},
            # Made up: the vendor gave it none.
            {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": "{}"}},
            {"id": "call_3", "type": "custom", "custom": {"name": "sh", "input": "ls"}},
            {
                "id": "call_4",
                "type": "function",
                "function": {"name": "f", "arguments": ""},
                "extra_content": {"seal": "s"},
            },
        ],
    }


def test_a_caller_of_2023_gets_a_function_call() -> None:
    body = whole(ToolCallDelta(0, "call_1", "look", "{}"), ChoiceFinished("tool_calls"), functions=True)

    assert body["choices"][0]["finish_reason"] == "function_call"
    assert openai_types.only_message(body) == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "function_call": {"name": "look", "arguments": "{}"},
    }


def test_thoughts_have_one_name_whatever_the_vendor_calls_them() -> None:
    details = [{"type": "reasoning.text", "text": "Hm."}]
    thought = ReasoningDelta("Hm.", 0, {"openrouter": {"field": "reasoning", "reasoning_details": details}})

    assert message(thought, TextDelta("Yes."), STOP) == {
        "role": "assistant",
        "content": "Yes.",
        "refusal": None,
        "reasoning_content": "Hm.",
        "reasoning_details": details,
    }


def test_what_the_vendor_said_about_its_answer_stands_on_the_message() -> None:
    annotation = {
        "type": "url_citation",
        "url_citation": {"start_index": 0, "end_index": 1, "url": "https://a.example", "title": "A"},
    }
    said = ChoiceFinished("stop", 0, {"openai": {"annotations": [annotation], "content": "never ours"}})

    found = message(TextDelta("Yes."), said)

    assert (found["annotations"], found["content"]) == ([annotation], "Yes.")


def test_speech_has_all_its_fields() -> None:
    found = message(
        AudioDelta({"id": "audio_1", "data": "AAEC"}), AudioDelta({"data": "AwQF", "transcript": "Hi"}), STOP
    )

    assert found["audio"] == {"id": "audio_1", "data": "AAECAwQF", "expires_at": 0, "transcript": "Hi"}


def test_choices_stand_by_number_with_their_own_ends_and_probabilities() -> None:
    body = whole(
        TextDelta("b", 1, {"content": [TOKEN], "refusal": None}),
        TextDelta("a"),
        ChoiceFinished("length", 1),
        STOP,
    )

    assert [
        (choice["index"], choice["message"]["content"], choice["finish_reason"], choice["logprobs"])
        for choice in body["choices"]
    ] == [(0, "a", "stop", None), (1, "b", "length", {"content": [TOKEN], "refusal": None})]


def test_an_answer_that_was_stopped_counts_as_it_is() -> None:
    assert whole(TextDelta("Hel"), ended=CANCELLED)["choices"][0]["finish_reason"] == "stop"
    assert whole(TextDelta("Hel"), ended=INCOMPLETE)["choices"][0]["finish_reason"] == "length"
    # Half a tool call is none to carry out.
    assert whole(ToolCallDelta(0, "c", "f", "{"), ended=CANCELLED)["choices"][0]["finish_reason"] == "stop"
    assert whole(ToolCallDelta(0, "c", "f", "{}"))["choices"][0]["finish_reason"] == "tool_calls"


def test_usage_is_there_even_when_nobody_counted() -> None:
    usage = whole(TextDelta("Hel"), ended=CANCELLED)["usage"]

    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (0, 0, 0)


def test_a_run_that_is_begun_anew_leaves_nothing_of_its_first_answer() -> None:
    collector = collected(run([TextDelta("Wrong")], FAILED)[:1])

    collector.restart()
    for item in run([TextDelta("Right"), STOP]):
        collector.feed(item)

    assert collector.answer() == collected(run([TextDelta("Right"), STOP])).answer()
    assert collector.failure() is None


@pytest.mark.parametrize(("ended", "error"), [(FAILED, UpstreamFailed), (CANCELLED, RunCancelled)])
def test_a_run_without_an_answer_is_its_error(ended: RunEnded, error: type[Exception]) -> None:
    assert type(collected(run([], ended)).failure()) is error


def test_a_failed_run_is_its_error_whatever_was_said() -> None:
    facts = {"param": "stop", "vendor_code": "bad_stop"}
    ended = RunEnded(RunStatus.FAILED, error_code="upstream_refused", error_message="No.", error_facts=facts)

    failure = collected(run([TextDelta("Hel")], ended)).failure()

    assert failure is not None
    assert (failure.message, failure.param, failure.vendor_code) == ("No.", "stop", "bad_stop")
