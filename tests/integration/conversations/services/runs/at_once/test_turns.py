"""Turns of one conversation that are accepted at the same instant: the order of their locks is the order of their ids.

Claims go by id, and a finishing run tells from `latest_run_id` whether another one waits. Were an id drawn before the
lock, a run with a higher id could be accepted first, and the lower one would wait for the sweeper.
"""

import threading
import time

import pytest
from django.db import connection, transaction

from conversations.models import Account, ActiveRun, Conversation, Run
from conversations.values.requests import OnBusy, Preconditions
from tests import builders
from tests.integration.conversations import inspection

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


def next_run_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('conversations_run_id_seq')")
        return int(cursor.fetchone()[0])


def wait_until_somebody_waits_for_a_lock() -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("Nobody waits")


def start_and_hang_up(owner: Account) -> None:
    try:
        builders.runs.start(owner, "2")
    finally:
        connection.close()


def test_a_run_gets_its_id_under_its_conversations_lock(ann: Account) -> None:
    builders.runs.answered(ann, "1")

    with transaction.atomic():
        Conversation.objects.select_for_update().get(public_id="thread")
        late = threading.Thread(target=start_and_hang_up, args=(ann,))
        late.start()
        wait_until_somebody_waits_for_a_lock()
        drawn_meanwhile = next_run_id()
    late.join(30)

    run = Run.objects.get(active__status="queued")
    assert run.pk > drawn_meanwhile
    assert inspection.conversation(ann).latest_run_id == run.pk
    assert inspection.messages(run) == [("user", "2")]


def replace_and_hang_up(owner: Account) -> None:
    try:
        builders.runs.accept(owner, "2", preconditions=Preconditions(on_busy=OnBusy.REPLACE))
    finally:
        connection.close()


def test_a_run_that_ends_and_one_that_replaces_it_do_not_wait_for_each_other(ann: Account) -> None:
    builders.runs.answered(ann, "0")
    running = builders.runs.start(ann, "1")
    builders.runs.claim(running)

    with transaction.atomic():
        # As FINISH does: the conversation first, then its run.
        Conversation.objects.select_for_update().get(public_id="thread")
        late = threading.Thread(target=replace_and_hang_up, args=(ann,))
        late.start()
        wait_until_somebody_waits_for_a_lock()
        ActiveRun.objects.select_for_update(nowait=True).get(pk=running.pk)
    late.join(30)

    assert Run.objects.get(active__status="queued").pk > running.pk
    running.refresh_from_db()
    assert running.active.cancel_requested_at is not None


def test_the_first_turns_of_a_new_conversation_keep_to_it_too(ann: Account) -> None:
    with transaction.atomic():
        first = builders.runs.start(ann, "1")
        late = threading.Thread(target=start_and_hang_up, args=(ann,))
        late.start()
        wait_until_somebody_waits_for_a_lock()
        drawn_meanwhile = next_run_id()
    late.join(30)

    second = Run.objects.exclude(pk=first.pk).get()
    assert second.pk > drawn_meanwhile > first.pk
    assert inspection.conversation(ann).latest_run_id == second.pk
