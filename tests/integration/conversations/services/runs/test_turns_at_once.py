"""Turns of one conversation that are accepted at the same instant: the order of their locks is the order of their ids.

Claims go by id, and a finishing run tells from `latest_run_id` whether another one waits. Were an id drawn before the
lock, a run with a higher id could be accepted first, and the lower one would wait for the sweeper.
"""

import threading
import time
from collections.abc import Iterator

import pytest
import redis
from django.conf import settings
from django.db import connection, transaction

from conversations.models import Account, Conversation, Run
from conversations.values.requests import OnBusy, Preconditions
from tests.integration.conversations import making

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ann() -> Iterator[Account]:
    yield making.account("ann")
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()


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
        making.start(owner, "2")
    finally:
        connection.close()


def test_a_run_gets_its_id_under_its_conversations_lock(ann: Account) -> None:
    making.answered(ann, "1")

    with transaction.atomic():
        Conversation.objects.select_for_update().get(public_id="thread")
        late = threading.Thread(target=start_and_hang_up, args=(ann,))
        late.start()
        wait_until_somebody_waits_for_a_lock()
        drawn_meanwhile = next_run_id()
    late.join(30)

    run = Run.objects.get(status="queued")
    assert run.pk > drawn_meanwhile
    assert making.conversation(ann).latest_run_id == run.pk
    assert making.messages(run) == [("user", "2")]


def replace_and_hang_up(owner: Account) -> None:
    try:
        making.accept(owner, "2", preconditions=Preconditions(on_busy=OnBusy.REPLACE))
    finally:
        connection.close()


def test_a_run_that_ends_and_one_that_replaces_it_do_not_wait_for_each_other(ann: Account) -> None:
    making.answered(ann, "0")
    running = making.start(ann, "1")
    making.claim(running)

    with transaction.atomic():
        # As FINISH does: the conversation first, then its run.
        Conversation.objects.select_for_update().get(public_id="thread")
        late = threading.Thread(target=replace_and_hang_up, args=(ann,))
        late.start()
        wait_until_somebody_waits_for_a_lock()
        Run.objects.select_for_update(nowait=True).get(pk=running.pk)
    late.join(30)

    assert Run.objects.get(status="queued").pk > running.pk
    running.refresh_from_db()
    assert running.cancel_requested_at is not None


def test_the_first_turns_of_a_new_conversation_keep_to_it_too(ann: Account) -> None:
    with transaction.atomic():
        first = making.start(ann, "1")
        late = threading.Thread(target=start_and_hang_up, args=(ann,))
        late.start()
        wait_until_somebody_waits_for_a_lock()
        drawn_meanwhile = next_run_id()
    late.join(30)

    second = Run.objects.exclude(pk=first.pk).get()
    assert second.pk > drawn_meanwhile > first.pk
    assert making.conversation(ann).latest_run_id == second.pk
