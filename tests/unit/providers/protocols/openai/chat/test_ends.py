"""Where an answer ends, and whether an empty one counts as an answer."""

import json
from typing import Any

import pytest

from providers.errors import UpstreamCut, UpstreamEmpty
from providers.events import (
    CallStarted,
    ChoiceFinished,
    StreamEvent,
    TextDelta,
)
from providers.protocols.openai.chat.response import ChatReader
from tests.fakes.replies import chunk, tokens
from tests.unit.providers.protocols.openai.chat.reading import delta, read, reader


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
def test_tells_a_cut_answer_from_a_complete_one(payloads: list[Any], complete: bool) -> None:
    found = reader()
    for payload in payloads:
        found.read(json.dumps(payload).encode())

    assert found.is_complete is complete
    if not complete:
        with pytest.raises(UpstreamCut):
            found.finish()


def say(found: ChatReader, *payloads: Any) -> list[StreamEvent]:
    told = [event for payload in payloads for event in found.read(json.dumps(payload).encode())]
    return [event for event in told if not isinstance(event, CallStarted)]


def test_returns_only_the_start_until_there_is_output() -> None:
    found = reader()

    assert say(found, delta(role="assistant"), chunk({}, finish="stop", choice=1), delta(content="")) == []
    assert say(found, delta(content="a")) == [ChoiceFinished("stop", 1), TextDelta("a")]


@pytest.mark.parametrize("payloads", [[], [delta(content="")], [chunk({}, finish="stop")], [{"usage": tokens(1, 0)}]])
def test_an_empty_answer_is_a_failure(payloads: list[Any]) -> None:
    found = reader()
    say(found, *payloads)
    found.read(b"[DONE]")

    with pytest.raises(UpstreamEmpty) as caught:
        found.finish()

    assert (caught.value.retryable, caught.value.request_id) == (True, "req")


def test_an_empty_answer_before_a_stop_sequence_is_an_answer() -> None:
    found = ChatReader(vendor="v", display_name="V", may_be_empty=True)
    say(found, chunk({}, finish="stop"))

    assert found.finish() == [ChoiceFinished("stop")]


def test_an_empty_answer_without_a_finish_reason_is_a_failure_even_where_it_may_be_empty() -> None:
    found = ChatReader(vendor="v", display_name="V", may_be_empty=True)
    found.read(b"[DONE]")

    with pytest.raises(UpstreamEmpty):
        found.finish()


def test_counts_a_vendors_own_field_as_output_only_if_it_is_a_map_or_a_list() -> None:
    found = reader()
    say(found, delta(content="", name="assistant", mood=1), chunk({}, finish="stop"))

    with pytest.raises(UpstreamEmpty):
        found.finish()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("length", "length"),
        (" stop ", "stop"),
        ("function_call", "tool_calls"),
        ("tool_calls", "tool_calls"),
        ("x" * 5000, "x" * 100),
        ("a\x00\ud83d", "a\ufffd\ufffd"),
        (7, "stop"),
        (True, "stop"),
        ({"type": "stop"}, "stop"),
    ],
)
def test_reads_a_reason_in_every_shape(said: Any, reason: str) -> None:
    call = [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]

    assert read(delta(tool_calls=call), chunk({}, finish=said))[-1] == ChoiceFinished(reason)


@pytest.mark.parametrize("said", ["null", "", "None", " NULL ", None, 0, False, [], {}])
def test_reads_words_for_no_reason_as_none(said: Any) -> None:
    assert read(chunk({"content": "a"}, finish=said)) == [TextDelta("a")]


def test_does_not_finish_with_tool_calls_when_none_has_a_name() -> None:
    nameless = [{"index": 0, "id": "c", "function": {"arguments": "{}"}}]

    assert read(delta(content="a", tool_calls=nameless), chunk({}, finish="tool_calls")) == [
        TextDelta("a"),
        ChoiceFinished("stop"),
    ]
