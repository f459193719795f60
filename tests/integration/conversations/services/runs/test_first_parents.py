"""Whom a new question follows: the head at once when nothing of its conversation is active, otherwise at its claim.

A turn that waited for its conversation's lock does not see what was accepted or ended meanwhile.
"""

from contextlib import AbstractContextManager
from functools import partial

import pytest

from conversations.models import Account, Conversation, Message, Run
from conversations.services.runs import finish
from conversations.services.runs.claim import ClaimOutcome
from tests import builders
from tests.integration.conversations import inspection

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


def parent(run: Run) -> str | None:
    """The text of the message that the run's first one follows; None while it follows none."""
    first = Message.objects.filter(run=run).select_related("parent").earliest("pk")
    return first.parent.parts[0]["text"] if first.parent else None


def newest(question: str) -> Run:
    return Run.objects.get(messages__parts__0__text=question)


def asked_late(owner: Account) -> AbstractContextManager[Conversation]:
    """Inside, another connection asks and waits for the conversation's lock. Afterwards it has been accepted."""
    return builders.locks.waited_for(builders.locks.conversation, by=partial(builders.runs.start, owner, "late"))


def test_a_question_follows_the_head_before_it_is_claimed(ann: Account) -> None:
    builders.runs.answered(ann, "1", "One")

    run = builders.runs.start(ann, "2")

    assert parent(run) == "One"
    assert inspection.history(builders.runs.claim(run)) == ["1", "One"]


def test_the_first_question_follows_nothing(ann: Account) -> None:
    assert parent(builders.runs.start(ann, "1")) is None


def test_a_question_behind_an_active_run_is_left_to_its_claim(ann: Account) -> None:
    builders.runs.answered(ann, "0", "Zero")
    first = builders.runs.start(ann, "1")
    behind_queued = builders.runs.start(ann, "2")
    claimed = builders.runs.claim(first)
    behind_running = builders.runs.start(ann, "3")
    assert [parent(behind_queued), parent(behind_running)] == [None, None]

    finish.finish(run=claimed, report=builders.runs.report("One"))
    builders.runs.claim(behind_queued)

    assert [parent(first), parent(behind_queued), parent(behind_running)] == ["Zero", "One", None]


def test_a_question_that_waited_behind_another_start_is_left_to_its_claim(ann: Account) -> None:
    builders.runs.answered(ann, "1", "One")

    with asked_late(ann):
        before = builders.runs.start(ann, "before")

    assert (parent(before), parent(newest("late"))) == ("One", None)
    assert builders.runs.try_claim(newest("late")) is ClaimOutcome.NOT_NEXT


def test_a_question_that_waited_behind_a_whole_turn_follows_its_answer(ann: Account) -> None:
    """It sees neither the turn nor its end, and only the head as it is now."""
    builders.runs.answered(ann, "1", "One")

    with asked_late(ann):
        builders.runs.answered(ann, "meanwhile", "Meanwhile.")

    late = newest("late")
    assert parent(late) is None
    assert inspection.history(builders.runs.claim(late)) == ["1", "One", "meanwhile", "Meanwhile."]
    assert parent(late) == "Meanwhile."


def test_a_question_that_waited_behind_an_end_follows_its_answer(ann: Account) -> None:
    builders.runs.answered(ann, "1", "One")
    claimed = builders.runs.claim(builders.runs.start(ann, "running"))

    with asked_late(ann):
        finish.finish(run=claimed, report=builders.runs.report("Ran."))

    late = newest("late")
    assert parent(late) is None
    assert inspection.history(builders.runs.claim(late)) == ["1", "One", "running", "Ran."]


def test_the_second_first_question_of_a_new_conversation_is_left_to_its_claim(ann: Account) -> None:
    builders.runs.caller(ann)
    first_asked, late_asked = (partial(builders.runs.start, ann, question) for question in ("first", "late"))

    with builders.locks.waited_for(first_asked, by=late_asked) as first:
        finish.finish(run=builders.runs.claim(first), report=builders.runs.report("First."))

    assert parent(newest("late")) is None
    assert inspection.history(builders.runs.claim(newest("late"))) == ["first", "First."]
