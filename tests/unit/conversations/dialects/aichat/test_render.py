import json
from collections.abc import Sequence

import pytest

from conversations.dialects.aichat.render import TextCollector
from conversations.errors import RunCancelled, UpstreamFailed
from conversations.values.runs import RunEnded, RunEvent, RunStatus
from providers.events import ReasoningDelta, RefusalDelta, StreamEvent, TextDelta
from tests.unit.conversations.dialects.aichat.reply_context import context

COMPLETED = RunEnded(RunStatus.COMPLETED)
FAILED = RunEnded(RunStatus.FAILED, error_code="upstream_failed", error_message="It broke.")
CANCELLED = RunEnded(RunStatus.CANCELLED, error_code="run_cancelled")


def fed(collector: TextCollector, events: Sequence[StreamEvent | RunEnded]) -> TextCollector:
    for position, event in enumerate(events, start=1):
        collector.feed(RunEvent(position, event))
    return collector


def collected(*events: StreamEvent | RunEnded) -> TextCollector:
    return fed(TextCollector(context()), events)


def said(collector: TextCollector) -> str:
    assert collector.failure() is None
    return str(json.loads(collector.answer())["answer"])


def test_the_answer_has_its_id_and_its_text_in_utf8() -> None:
    collector = collected(TextDelta('你好 "😀"'), TextDelta("no", choice=1), TextDelta("\u2028\n"), COMPLETED)

    assert collector.answer() == '{"id":"c-1","answer":"你好 \\"😀\\"\u2028\\n"}'.encode()
    assert json.loads(collector.answer()) == {"id": "c-1", "answer": '你好 "😀"\u2028\n'}


def test_a_refusal_is_the_text_and_thoughts_are_left_out() -> None:
    assert said(collected(ReasoningDelta("Hm."), RefusalDelta("I can’t"), RefusalDelta("."), COMPLETED)) == "I can’t."


def test_a_run_that_is_begun_anew_leaves_nothing_of_its_first_text() -> None:
    collector = collected(TextDelta("lost"))

    collector.restart()

    assert said(fed(collector, [TextDelta("Hi"), COMPLETED])) == "Hi"


def test_a_run_begun_anew_without_text_has_none() -> None:
    collector = collected(TextDelta("lost"))

    collector.restart()

    assert isinstance(fed(collector, [CANCELLED]).failure(), RunCancelled)


def test_there_is_no_failure_before_the_end() -> None:
    assert collected(TextDelta("Hi")).failure() is None


@pytest.mark.parametrize("text", ["", "Hel"])
def test_a_failed_run_has_a_failure_whatever_was_said(text: str) -> None:
    assert isinstance(collected(TextDelta(text), FAILED).failure(), UpstreamFailed)


def test_a_stopped_run_is_the_text_that_it_has() -> None:
    assert said(collected(TextDelta("Hel"), CANCELLED)) == "Hel"
