from typing import Any

import pytest

from providers.answer_size import EVENT_BYTES, AnswerMeter
from providers.errors import AnswerTooLong
from providers.events import (
    AudioDelta,
    CallStarted,
    ChoiceFinished,
    EmbeddingMade,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from providers.messages import Usage

LOGPROBS: dict[str, Any] = {"content": [{"token": "a"}]}


def size(*events: StreamEvent) -> int:
    meter = AnswerMeter(most=1_000_000)
    for event in events:
        meter.add(event)
    return meter.size


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (TextDelta("Hello"), 5),
        (TextDelta("你好"), 6),
        (TextDelta("\x01"), 6),
        (TextDelta("a", logprobs=LOGPROBS), 1 + len('{"content":[{"token":"a"}]}')),
        (ReasoningDelta("hm", provider_metadata={"v": {"x": 1}}), 2 + len('{"v":{"x":1}}')),
        (RefusalDelta("no"), 2),
        (ToolCallDelta(0, "call_1", "look", "{}"), 12),
        (AudioDelta({"data": "AAAA"}), len('{"data":"AAAA"}')),
        (ChoiceFinished("stop", provider_metadata={"v": {}}), 4 + len('{"v":{}}')),
        (CallStarted("req", "m", {"v": {"id": "x"}}), len('{"v":{"id":"x"}}')),
        (EmbeddingMade("AAAA" * 1000), 0),
        (UsageReported(Usage(1, 2)), 0),
    ],
)
def test_counts_the_text_of_an_event_as_json(event: StreamEvent, expected: int) -> None:
    assert size(event) == EVENT_BYTES + expected


def test_counts_continued_text_by_its_length_alone() -> None:
    """A million tokens of one text cost EVENT_BYTES once; a million separate texts each time."""
    assert size(*[TextDelta("x")] * 1000) == EVENT_BYTES + 1000
    assert size(*[ToolCallDelta(0, arguments="x")] * 1000) == EVENT_BYTES + 1000
    assert size(*[EmbeddingMade("AAAA", choice) for choice in range(1000)]) == EVENT_BYTES
    assert size(*[TextDelta("x", choice % 2) for choice in range(1000)]) == 1000 * (EVENT_BYTES + 1)
    assert size(*[TextDelta("x", logprobs=LOGPROBS)] * 2) == 2 * size(TextDelta("x", logprobs=LOGPROBS))


def test_refuses_the_event_that_exceeds_the_limit_and_does_not_count_it() -> None:
    meter = AnswerMeter(most=EVENT_BYTES + 10)
    meter.add(TextDelta("12345"))

    with pytest.raises(AnswerTooLong):
        meter.add(TextDelta("123456"))
    meter.add(TextDelta("12345"))

    assert meter.size == EVENT_BYTES + 10
