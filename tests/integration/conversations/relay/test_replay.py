"""The stored answer of an ended run, replayed as events and cut where a reader was."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from conversations import errors
from conversations.models import Account, Run
from conversations.queries import answers
from conversations.queries import runs as run_queries
from conversations.relay import codec, replay
from conversations.relay.recover import RecoveredLog
from conversations.services.runs import finish
from conversations.values.runs import RunEnded, RunEvent, RunStatus
from providers.assembly import Answer, Assembler
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
from providers.messages import TextPart, Usage
from tests import builders

pytestmark = pytest.mark.django_db

USAGE = Usage(3, 4)
LOG: tuple[StreamEvent, ...] = (
    ReasoningDelta("Hm"),
    ReasoningDelta("m."),
    TextDelta("Hel"),
    TextDelta("lo 🙂"),
    TextDelta("你好", 1),
    TextDelta("!"),
    ChoiceFinished("stop"),
    UsageReported(USAGE),
)
END = len(LOG) + 1
# What each position's reader has had of each kind and choice.
WHOLE = {("ReasoningDelta", 0): "Hmm.", ("TextDelta", 0): "Hello 🙂!", ("TextDelta", 1): "你好"}


def ended(owner: Account, *log: StreamEvent, status: RunStatus = RunStatus.COMPLETED, code: str = "") -> Run:
    """A run whose answer came in these events."""
    run = builders.runs.start(owner)
    assembler = Assembler()
    for event in log:
        assembler.add(event)
    report = builders.runs.report("", status=status, code=code, usage=USAGE, log=log)
    answers = assembler.answers() if assembler.has_output else ()
    assert finish.finish(run=builders.runs.claim(run), report=replaced(report, answers))
    return run


def replaced(report: finish.AttemptReport, answers: tuple[Answer, ...]) -> finish.AttemptReport:
    return finish.AttemptReport(
        worker_name=report.worker_name, answers=answers, log_shape=report.log_shape, ended=report.ended
    )


def recorded(run: Run, *, position: int = 0) -> list[RunEvent]:
    found = run_queries.ended_run(run.pk)
    assert found is not None
    return list(run_queries.stored_events(found, cut=position))


def texts(events: list[RunEvent]) -> dict[tuple[str, int], str]:
    found: dict[tuple[str, int], str] = {}
    for item in events:
        match item.event:
            case TextDelta() | ReasoningDelta() | RefusalDelta() as delta:
                key = (type(delta).__name__, delta.choice)
                found[key] = found.get(key, "") + delta.text
    return found


@pytest.mark.parametrize("position", range(END + 1))
def test_replayed_events_are_cut_where_the_reader_was(ann: Account, position: int) -> None:
    run = ended(ann, *LOG)

    *pieces, end = recorded(run, position=position)

    had = [RunEvent(place, event) for place, event in enumerate(LOG, start=1) if place <= position]
    assert texts([item for item in pieces if item.position <= position]) == texts(had)
    assert texts(pieces) == WHOLE
    assert [item.position for item in [*pieces, end]] == sorted(item.position for item in [*pieces, end])
    assert end.position == END
    assert isinstance(end.event, RunEnded)
    assert (end.event.status, end.event.usage) == (RunStatus.COMPLETED, USAGE)


@pytest.mark.parametrize("position", range(4))
def test_what_the_vendor_said_of_the_call_comes_first(ann: Account, position: int) -> None:
    call = CallStarted("req", "m", {"openai": {"id": "x", "system_fingerprint": "fp"}})
    run = builders.runs.start(ann)
    report = builders.runs.report("Hello", log=[call, TextDelta("Hello")])
    assert finish.finish(run=builders.runs.claim(run), report=replace(report, call=call))

    events = recorded(run, position=position)

    assert events[0].event == CallStarted(provider_metadata=call.provider_metadata)
    assert (events[0].position <= position) is (position > 0)
    assert texts(events[1:]) == {("TextDelta", 0): "Hello"}
    assert sum(isinstance(item.event, CallStarted) for item in events) == 1
    assert events[-1].position == 3


def test_a_run_that_has_not_ended_has_no_stored_events(ann: Account) -> None:
    waiting, busy = builders.runs.start(ann, conversation_id="waiting"), builders.runs.start(ann)
    builders.runs.claim(busy)

    assert [run_queries.ended_run(run.pk) for run in (waiting, busy)] == [None] * 2


def test_a_run_that_was_never_claimed_just_ends(ann: Account) -> None:
    run = builders.runs.start(ann)
    finish.fail_queued(account_id=ann.pk, run_id=run.pk, error=errors.ConversationBusy())

    (end,) = recorded(run)

    assert end.position == 1
    assert isinstance(end.event, RunEnded)
    assert (end.event.status, end.event.error_code) == (RunStatus.FAILED, "conversation_busy")


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.INCOMPLETE])
def test_partial_text_comes_before_the_bad_end(ann: Account, status: RunStatus) -> None:
    run = ended(ann, TextDelta("Hel"), status=status, code="upstream_failed")

    text, end = recorded(run)

    assert text == RunEvent(1, TextDelta("Hel"))
    assert isinstance(end.event, RunEnded)
    assert (end.position, end.event.status, end.event.error_code) == (2, status, "upstream_failed")


def test_a_bad_end_says_all_that_it_said_at_first(ann: Account) -> None:
    facts = {"param": "tools[0]", "vendor_code": "invalid_tool", "retry_after": 2.5}
    run = builders.runs.start(ann)
    end = RunEnded(RunStatus.FAILED, error_code="upstream_refused", error_message="No.", error_facts=facts)
    report = replace(builders.runs.report("", status=RunStatus.FAILED, code="upstream_refused"), ended=end)
    assert finish.finish(run=builders.runs.claim(run), report=report)

    assert [item.event for item in recorded(run)] == [end]


def test_what_a_dead_worker_had_shown_is_replayed_with_its_cuts(ann: Account) -> None:
    run = builders.runs.start(ann, is_streamed=True)
    builders.runs.claim(run)
    run.refresh_from_db()
    shown = (TextDelta("Hel"), TextDelta("lo"))
    lost = RecoveredLog(
        is_published=True,
        text="Hello",
        answers=(Answer(0, (TextPart("Hello"),)),),
        call=None,
        shape=codec.shape(shown),
        length=len(shown),
    )
    ended = RunEnded(
        RunStatus.FAILED, error_code="internal_error", error_message="The answer was interrupted; ask again."
    )
    assert finish.finish_lost(active=run.active, ended=ended, recovered=lost, worker_name="w1")

    had, rest, end = recorded(run, position=1)

    assert (had, rest) == (RunEvent(1, TextDelta("Hel")), RunEvent(2, TextDelta("lo")))
    assert (end.position, texts([had, rest])) == (3, {("TextDelta", 0): "Hello"})


def tool_call(index: int, arguments: str, call_id: str | None = None, name: str | None = None) -> ToolCallDelta:
    return ToolCallDelta(index, call_id, name, arguments, provider_metadata={"acme": {"seal": 1}} if call_id else None)


def said(text: str, *tokens: str, choice: int = 0) -> TextDelta:
    return TextDelta(text, choice, {"content": [{"token": token} for token in tokens], "refusal": None})


def spoken(data: str, transcript: str, **more: Any) -> AudioDelta:
    return AudioDelta({"data": data, "transcript": transcript, **more})


EVERYTHING: dict[str, tuple[StreamEvent, ...]] = {
    "tools": (
        TextDelta("Let me see. "),
        tool_call(0, "", "call_a", "look"),
        tool_call(0, '{"at":'),
        tool_call(1, '{"x"', "call_b", "find"),
        tool_call(0, "1}"),
        tool_call(1, ":2}"),
        ChoiceFinished("tool_calls", 0, {"acme": {"annotations": [1]}}),
    ),
    "logprobs": (said("Hel", "H", "el"), said("lo", "lo"), said("Hi", "Hi", choice=1), ChoiceFinished("stop")),
    "refusal logprobs": (
        RefusalDelta("No"),
        TextDelta("", 0, {"content": None, "refusal": [{"token": "No"}]}),
        ChoiceFinished("stop"),
    ),
    "thoughts": (
        ReasoningDelta("Hm", 0, {"acme": {"field": "reasoning"}}),
        ReasoningDelta("m."),
        TextDelta("Yes."),
        RefusalDelta("But no."),
        ChoiceFinished("stop"),
    ),
    "audio in whole quanta": (
        spoken("AAEC", "He", id="audio_1"),
        spoken("AwQF", "llo", expires_at=1_700_000_000),
        ChoiceFinished("stop"),
    ),
    "audio cut anywhere": (spoken("AAE", "He", id="audio_1"), spoken("CAwQF", "llo"), ChoiceFinished("stop")),
    "audio padded in each": (spoken("AA==", "He", id="audio_1"), spoken("AQI=", "llo"), ChoiceFinished("stop")),
}


@pytest.mark.parametrize("name", EVERYTHING)
def test_replayed_events_make_the_same_answer_wherever_they_are_cut(ann: Account, name: str) -> None:
    log = EVERYTHING[name]
    whole = assembled(log)
    run = ended(ann, *log)

    for position in range(len(log) + 2):
        *pieces, end = recorded(run, position=position)
        assert assembled([item.event for item in pieces]) == whole, position
        had = [item.event for item in pieces if item.position <= position]
        if position < len(log):
            assert assembled(had) == assembled(log[:position]), position
        assert end.position == len(log) + 1


def assembled(events: Sequence[StreamEvent | RunEnded]) -> tuple[Answer, ...]:
    assembler = Assembler()
    for event in events:
        assert not isinstance(event, RunEnded)
        assembler.add(event)
    return assembler.answers()


def test_finds_at_once_which_of_many_runs_have_ended(ann: Account) -> None:
    waiting, ended = builders.runs.start(ann, conversation_id="waiting"), builders.runs.answered(ann)

    assert run_queries.have_ended([ended.pk, waiting.pk, 0, ended.pk]) == [True, False, False, True]


def test_an_answer_is_published_again_position_by_position(ann: Account) -> None:
    """What the answer has not, such as a report of usage, is an event without words."""
    run = ended(ann, *LOG)
    run.refresh_from_db()

    found = replay.by_position(answers.choices(run), call=None, log=(run.answer or {})["log"])

    assert found == [*LOG[:-1], replay.NOTHING]
