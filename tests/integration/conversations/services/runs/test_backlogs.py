"""How much of an account may wait: too many or too long, and its next question is refused; nobody else's is."""

import re
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from conversations import broker, errors
from conversations.models import Account, ActiveRun, Conversation, Message, Run
from conversations.services.runs import accept, fair_shares, sql
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]


def counts() -> list[int]:
    return [model.objects.count() for model in (Conversation, Run, Message)]


@pytest.mark.parametrize("is_stored", [True, False], ids=["stored", "unstored"])
def test_more_than_may_wait_are_refused_and_leave_nothing(
    ann: Account, bob: Account, settings: Settings, is_stored: bool
) -> None:
    settings.MAX_QUEUED_RUNS = 2
    builders.runs.start(ann, conversation_id="a", is_stored=is_stored)
    builders.runs.start(ann, conversation_id="b", is_stored=is_stored)
    before = counts()

    with pytest.raises(errors.RateLimited, match="2 questions of this account wait already") as refused:
        builders.runs.start(ann, conversation_id="c", is_stored=is_stored)

    assert refused.value.retry_after == accept.RETRY_SECONDS
    assert counts() == before
    assert builders.runs.start(bob, conversation_id="c", is_stored=is_stored).status == "queued"


def test_what_has_been_claimed_waits_no_longer(ann: Account, settings: Settings) -> None:
    settings.MAX_QUEUED_RUNS = 1
    builders.runs.claim(builders.runs.start(ann, conversation_id="a"))

    assert builders.runs.start(ann, conversation_id="b").status == "queued"


@pytest.mark.parametrize("is_stored", [True, False], ids=["stored", "unstored"])
def test_an_account_whose_question_waits_long_for_a_worker_is_refused(
    ann: Account, bob: Account, settings: Settings, is_stored: bool
) -> None:
    builders.runs.age(
        builders.runs.start(ann, conversation_id="a"), seconds=settings.REFUSE_AFTER_WAIT + 1, column="queued_at"
    )
    before = counts()

    with pytest.raises(errors.ServiceUnavailable, match="have waited for more than 60 s") as refused:
        builders.runs.start(ann, conversation_id="b", is_stored=is_stored)

    assert refused.value.retry_after == accept.RETRY_SECONDS
    assert counts() == before
    assert builders.runs.start(bob, conversation_id="b", is_stored=is_stored).status == "queued"


def test_waiting_long_for_ones_conversation_is_no_reason(ann: Account, settings: Settings) -> None:
    builders.runs.claim(builders.runs.start(ann, "1"))
    builders.runs.age(builders.runs.start(ann, "2"), seconds=settings.REFUSE_AFTER_WAIT + 1, column="queued_at")

    assert builders.runs.start(ann, "3").status == "queued"


def test_who_comes_after_a_held_run_is_held_too_and_not_woken(
    ann: Account, django_capture_on_commit_callbacks: Any
) -> None:
    first = builders.runs.start(ann, is_stored=False)
    ActiveRun.objects.filter(pk=first.pk).update(woken_at=None)

    with django_capture_on_commit_callbacks(execute=True):
        stored, unstored = builders.runs.start(ann), builders.runs.start(ann, is_stored=False)

    assert [stored.active.woken_at, unstored.active.woken_at] == [None, None]
    assert broker.next_runs(most=100) == []


def test_who_is_held_wakes_the_oldest_when_there_is_room(ann: Account, django_capture_on_commit_callbacks: Any) -> None:
    builders.runs.worker(threads=8)
    first = builders.runs.start(ann, is_stored=False)
    ActiveRun.objects.filter(pk=first.pk).update(woken_at=None)

    with django_capture_on_commit_callbacks(execute=True):
        builders.runs.start(ann, is_stored=False)

    assert broker.next_runs(most=100) == [first.pk]


def test_a_message_to_a_busy_conversation_is_not_held(ann: Account) -> None:
    builders.runs.claim(builders.runs.start(ann, "1"))
    ActiveRun.objects.filter(pk=builders.runs.start(ann, is_stored=False).pk).update(woken_at=None)

    assert builders.runs.start(ann, "2").active.woken_at is not None


def test_one_account_fills_the_queue_only_so_far(ann: Account, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        asked = [builders.runs.start(ann, is_stored=False) for _ in range(fair_shares.MAX_QUEUED_WAKE_UPS + 20)]

    assert broker.next_runs(most=1_000) == [run.pk for run in asked[: fair_shares.MAX_QUEUED_WAKE_UPS]]


MANY_MORE = """
INSERT INTO conversations_activerun (run_id, account_id)
SELECT -n, account_id + n % 300 FROM conversations_activerun, generate_series(1, 30000) AS n
"""


@pytest.mark.parametrize("is_analysed", [True, False], ids=["known", "believed empty"])
def test_those_who_wait_are_counted_without_reading_those_of_others(ann: Account, is_analysed: bool) -> None:
    builders.runs.start(ann, is_stored=False)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE conversations_activerun")
        cursor.execute(MANY_MORE)
        if is_analysed:
            cursor.execute("ANALYZE conversations_activerun")
        parameters: dict[str, Any] = {"account_id": ann.pk, "until": None, **fair_shares.accept_limits()}
        cursor.execute(f"EXPLAIN WITH {sql.BACKLOG} SELECT * FROM open", parameters)
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert re.search(r"Scan (using|on) active_run_waiting_of_account .*\n *Index Cond: \(account_id =", plan)
