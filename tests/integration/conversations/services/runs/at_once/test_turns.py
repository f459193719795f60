"""Turns of one conversation that are accepted at the same instant: the order of their locks is the order of their ids.

Claims go by id, and a finishing run tells from `latest_run_id` whether another one waits. Were an id drawn before the
lock, a run with a higher id could be accepted first, and the lower one would wait for the sweeper.
"""

from functools import partial

import pytest
from django.db import connection

from conversations import errors
from conversations.models import Account, ActiveRun, Run
from conversations.services.erasures import tombstones
from conversations.values.requests import OnBusy, Preconditions
from tests import builders
from tests.integration.conversations import inspection

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


def next_run_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('conversations_run_id_seq')")
        return int(cursor.fetchone()[0])


def test_a_run_gets_its_id_under_its_conversations_lock(ann: Account) -> None:
    builders.runs.answered(ann, "1")

    with builders.locks.waited_for(builders.locks.conversation, by=partial(builders.runs.start, ann, "2")):
        drawn_meanwhile = next_run_id()

    run = Run.objects.get(active__status="queued")
    assert run.pk > drawn_meanwhile
    assert inspection.conversation(ann).latest_run_id == run.pk
    assert inspection.messages(run) == [("user", "2")]


def test_a_run_that_ends_and_one_that_replaces_it_do_not_wait_for_each_other(ann: Account) -> None:
    builders.runs.answered(ann, "0")
    running = builders.runs.start(ann, "1")
    builders.runs.claim(running)
    replace = partial(builders.runs.accept, ann, "2", preconditions=Preconditions(on_busy=OnBusy.REPLACE))

    # As FINISH does: the conversation first, then its run.
    with builders.locks.waited_for(builders.locks.conversation, by=replace):
        ActiveRun.objects.select_for_update(nowait=True).get(pk=running.pk)

    assert Run.objects.get(active__status="queued").pk > running.pk
    running.refresh_from_db()
    assert running.active.cancel_requested_at is not None


def test_the_first_turns_of_a_new_conversation_keep_to_it_too(ann: Account) -> None:
    first_asked, second_asked = (partial(builders.runs.start, ann, question) for question in "12")

    with builders.locks.waited_for(first_asked, by=second_asked) as first:
        drawn_meanwhile = next_run_id()

    second = Run.objects.exclude(pk=first.pk).get()
    assert second.pk > drawn_meanwhile > first.pk
    assert inspection.conversation(ann).latest_run_id == second.pk


def test_a_turn_that_waited_for_a_deletion_is_told_of_it(ann: Account) -> None:
    thread_pk = builders.runs.answered(ann, "1").conversation_id
    assert thread_pk is not None
    refused: list[str] = []

    def ask() -> None:
        try:
            builders.runs.start(ann, "2")
        except errors.ParleyError as exc:
            refused.append(type(exc).__name__)

    bury = partial(tombstones.bury_conversation, conversation_id=thread_pk, requested_by="test")
    with builders.locks.waited_for(bury, by=ask):
        pass

    assert refused == ["ConversationDeleted"]
    assert Run.objects.count() == 1
