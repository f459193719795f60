"""Whom a new question follows: the head at once when nothing of its conversation is active, otherwise at its claim.

A turn that waited for its conversation's lock does not see what was accepted or ended meanwhile.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from conversations.models import Account, Conversation, Message, Run
from conversations.services.runs import finish
from conversations.services.runs.claim import ClaimOutcome
from tests import builders
from tests.integration.conversations import inspection
from tests.waiting import eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


def parent(run: Run) -> str | None:
    """The text of the message that the run's first one follows; None while it follows none."""
    first = Message.objects.filter(run=run).select_related("parent").earliest("pk")
    return first.parent.parts[0]["text"] if first.parent else None


def newest(question: str) -> Run:
    return Run.objects.get(messages__parts__0__text=question)


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


def ask_and_hang_up(owner: Account) -> None:
    try:
        builders.runs.start(owner, "late")
    finally:
        connection.close()


@contextmanager
def asked_late(owner: Account) -> Iterator[None]:
    """Inside, another connection asks and waits for the conversation's lock. Afterwards it has been accepted."""
    late = threading.Thread(target=ask_and_hang_up, args=(owner,))
    with transaction.atomic():
        Conversation.objects.select_for_update(no_key=True).get(public_id="thread")
        late.start()
        eventually(somebody_waits, bool)
        yield
    late.join(30)
    assert not late.is_alive()


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
    late = threading.Thread(target=ask_and_hang_up, args=(ann,))
    with transaction.atomic():
        first = builders.runs.start(ann, "first")
        late.start()
        eventually(somebody_waits, bool)
        finish.finish(run=builders.runs.claim(first), report=builders.runs.report("First."))
    late.join(30)

    assert parent(newest("late")) is None
    assert inspection.history(builders.runs.claim(newest("late"))) == ["first", "First."]
