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
from providers.protocols.openai.chat.response import ResponseReader
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
def test_knows_a_cut_answer_from_a_complete_one(payloads: list[Any], complete: bool) -> None:
    found = reader()
    for payload in payloads:
        found.read(json.dumps(payload).encode())

    assert found.is_complete is complete
    if not complete:
        with pytest.raises(UpstreamCut):
            found.finish()


def say(found: ResponseReader, *payloads: Any) -> list[StreamEvent]:
    told = [event for payload in payloads for event in found.read(json.dumps(payload).encode())]
    return [event for event in told if not isinstance(event, CallStarted)]


def test_tells_nothing_but_the_start_until_something_is_said() -> None:
    found = reader()

    assert say(found, delta(role="assistant"), chunk({}, finish="stop", choice=1), delta(content="")) == []
    assert say(found, delta(content="a")) == [ChoiceFinished("stop", 1), TextDelta("a")]


@pytest.mark.parametrize("payloads", [[], [delta(content="")], [chunk({}, finish="stop")], [{"usage": tokens(1, 0)}]])
def test_takes_an_answer_of_nothing_for_a_failure(payloads: list[Any]) -> None:
    found = reader()
    say(found, *payloads)
    found.read(b"[DONE]")

    with pytest.raises(UpstreamEmpty) as caught:
        found.finish()

    assert (caught.value.retryable, caught.value.request_id) == (True, "req")


def test_takes_an_end_that_was_asked_for_before_the_first_word_for_an_answer() -> None:
    found = ResponseReader(vendor="v", display_name="V", may_be_empty=True)
    say(found, chunk({}, finish="stop"))

    assert found.finish() == [ChoiceFinished("stop")]


def test_takes_nothing_for_a_failure_even_where_an_answer_may_be_empty() -> None:
    found = ResponseReader(vendor="v", display_name="V", may_be_empty=True)
    found.read(b"[DONE]")

    with pytest.raises(UpstreamEmpty):
        found.finish()


def test_does_not_count_a_field_of_the_vendors_own_for_an_answer_unless_it_is_more_than_a_word() -> None:
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
def test_takes_no_reason_for_none(said: Any) -> None:
    assert read(chunk({"content": "a"}, finish=said)) == [TextDelta("a")]


def test_does_not_say_that_tools_are_asked_for_when_none_can_be_told() -> None:
    nameless = [{"index": 0, "id": "c", "function": {"arguments": "{}"}}]

    assert read(delta(content="a", tool_calls=nameless), chunk({}, finish="tool_calls")) == [
        TextDelta("a"),
        ChoiceFinished("stop"),
    ]
