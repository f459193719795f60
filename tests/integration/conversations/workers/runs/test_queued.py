"""Runs that wait for a worker: those whose wake-up was lost are woken again, those that wait too long end."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from conversations import broker
from conversations.models import Account, ActiveRun, Run
from conversations.services.runs import finish
from conversations.workers import sweep as sweeping
from conversations.workers.runs import queued
from tests import builders, plans
from tests.integration.conversations import inspection
from tests.integration.conversations.conftest import Sweep

pytestmark = pytest.mark.django_db

Queue = Callable[..., list[int]]


def test_a_lost_wake_up_is_sent_again_to_the_first_of_its_conversation(ann: Account, sweep: Sweep) -> None:
    first, second = builders.runs.start(ann, "1"), builders.runs.start(ann, "2")
    alone, fresh = builders.runs.start(ann, is_stored=False), builders.runs.start(ann, is_stored=False)
    for run in (first, second, alone):
        builders.runs.age(run, seconds=queued.WAKE_AGAIN_SECONDS + 1, column="woken_at")

    assert sweep() == [first.pk, alone.pk]
    fresh.refresh_from_db()
    assert (fresh.status, fresh.active.attempt) == ("queued", 0)


@pytest.fixture
def queue(ann: Account, valkey: redis.Redis, django_capture_on_commit_callbacks: Any) -> Queue:
    """Runs that were accepted this many seconds ago; those `woken` are in the queue, the others' wake-ups are lost."""

    def of(*ages: float, woken: bool) -> list[int]:
        made = []
        for seconds in ages:
            with django_capture_on_commit_callbacks(execute=woken):
                made.append(builders.runs.start(ann, is_stored=False))
            builders.runs.age(made[-1], seconds=seconds, column="woken_at")
        return [run.pk for run in made]

    return of


def test_lost_wake_ups_go_to_the_head_of_a_queue_however_long(sweep_on: Sweep, queue: Queue) -> None:
    lost = queue(50, 40, 35, woken=False)
    waiting = queue(30, 20, 10, 0, woken=True)

    assert sweep_on() == [*lost, *waiting]
    # From now on they are in the queue like the others.
    assert sweep_on() == [*lost, *waiting]


def test_whoever_is_in_the_queue_is_not_woken_again(sweep_on: Sweep, queue: Queue) -> None:
    waiting = queue(*range(60, 0, -1), woken=True)

    assert [sweep_on() for _ in range(3)] == [waiting] * 3


def test_a_lost_wake_up_is_found_when_the_queue_has_come_to_its_position(
    sweep_on: Sweep, queue: Queue, valkey: redis.Redis
) -> None:
    before, lost, after = queue(60, woken=True), queue(40, woken=False), queue(30, woken=True)
    assert sweep_on() == [*before, *after]

    valkey.rpop(broker.RUNS_QUEUE)
    Run.objects.filter(pk__in=before).update(ended_as="cancelled", finished_at=Now())
    ActiveRun.objects.filter(pk__in=before).delete()

    assert sweep_on() == [*lost, *after]


def test_what_a_worker_took_and_did_not_claim_is_woken_again(
    sweep_on: Sweep, queue: Queue, valkey: redis.Redis
) -> None:
    taken, waiting = queue(40, 39, woken=True), queue(30, 20, woken=True)
    valkey.rpop(broker.RUNS_QUEUE, len(taken))

    assert sweep_on() == [*taken, *waiting]


def test_a_wake_up_of_what_was_put_back_does_not_make_the_queue_seem_lost(
    sweep_on: Sweep, queue: Queue, valkey: redis.Redis
) -> None:
    waiting, newest = queue(60, 50, woken=True), queue(0, woken=True)
    # It stands at the head, although it was woken last.
    valkey.rpush(broker.RUNS_QUEUE, valkey.lpop(broker.RUNS_QUEUE))  # type: ignore[arg-type]

    assert sweep_on() == [*newest, *waiting]


def test_a_run_whose_turn_came_late_waits_at_the_end_of_the_queue(
    ann: Account, sweep_on: Sweep, queue: Queue, django_capture_on_commit_callbacks: Any
) -> None:
    first, second = builders.runs.start(ann, "1"), builders.runs.start(ann, "2")
    builders.runs.age(second, seconds=60, column="woken_at")
    waiting = queue(30, woken=True)
    claimed = builders.runs.claim(first)

    with django_capture_on_commit_callbacks(execute=True):
        finish.finish(run=claimed, report=builders.runs.report())

    assert sweep_on() == [*waiting, second.pk]


def test_a_run_that_lost_its_worker_goes_to_the_head_of_the_queue(ann: Account, sweep_on: Sweep, queue: Queue) -> None:
    run = builders.runs.start(ann)
    builders.runs.claim(run)
    builders.runs.silence_worker(run)
    waiting = queue(3, 2, 1, woken=True)

    assert sweep_on() == [run.pk, *waiting]


def test_a_run_that_waits_too_long_is_busy(ann: Account, sweep: Sweep) -> None:
    first, second = builders.runs.start(ann, "1"), builders.runs.start(ann, "2")
    builders.runs.claim(first)
    builders.runs.age(second, seconds=settings.QUEUE_WAIT + 1, column="queued_at")

    sweep()

    assert inspection.state(second) == ("failed", 0, 0, "conversation_busy")
    assert second.error_message == "The message waited too long for its turn."
    assert inspection.state(first) == ("in_progress", 1, 0, "")


def test_a_run_that_waits_not_too_long_goes_on_waiting(ann: Account, sweep: Sweep) -> None:
    run = builders.runs.start(ann)
    builders.runs.age(run, seconds=settings.QUEUE_WAIT - 5, column="queued_at")

    sweep()

    assert inspection.state(run) == ("queued", 0, 0, "")


MANY_MORE = """
INSERT INTO conversations_activerun (run_id, account_id, conversation_id)
SELECT -n, account_id, conversation_id - n FROM conversations_activerun, generate_series(1, 30000) AS n
"""
# They are late, and some at the same instant.
MANY_OF_CONVERSATION = """
INSERT INTO conversations_activerun (run_id, account_id, conversation_id, woken_at)
SELECT run_id + 1000000 + n, account_id, conversation_id, woken_at - interval '1 minute' + n / 10 * interval '1 ms'
FROM conversations_activerun, generate_series(1, %(number)s) AS n
"""


@pytest.fixture(params=[True, False], ids=["known", "believed empty"])
def long_queue(request: pytest.FixtureRequest, ann: Account) -> None:
    """Of runs that were woken just now."""
    builders.runs.start(ann)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE conversations_activerun")
        cursor.execute(MANY_MORE)
        if request.param:
            cursor.execute("ANALYZE conversations_activerun")


RANDOM_PAGE_COSTS = pytest.mark.parametrize("random_page_cost", ["1.1", "4"])


@RANDOM_PAGE_COSTS
@pytest.mark.usefixtures("long_queue")
def test_lost_wake_ups_are_looked_for_among_those_that_are_late(random_page_cost: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('random_page_cost', %s, true)", [random_page_cost])

    plan = queued.woken_before([])[: queued.WAKE_BATCH].explain()

    assert re.search(r"Scan (using|on) active_run_waiting .*\n *Index Cond: \(woken_at <", plan)


@RANDOM_PAGE_COSTS
@pytest.mark.usefixtures("long_queue")
def test_when_all_wake_ups_are_lost_the_queue_is_read_twice_at_most(random_page_cost: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('random_page_cost', %s, true)", [random_page_cost])
        cursor.execute("UPDATE conversations_activerun SET woken_at = woken_at - interval '1 minute'")
    in_queue = ActiveRun.objects.count()

    asked = plans.queries_of(lambda: queued.lost_wake_ups([]))

    assert sum(plans.rows_read(plans.plan_of(query, analyze=True)) for query in asked) <= 2 * in_queue


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_lost_wake_up_is_found_behind_any_number_that_wait_for_their_conversation(
    ann: Account, bob: Account, is_lost: bool
) -> None:
    first = builders.runs.start(ann)
    with connection.cursor() as cursor:
        cursor.execute(MANY_OF_CONVERSATION, {"number": 2 * queued.WAKE_BATCH})
    lost = builders.runs.start(bob)
    builders.runs.claim(first)
    builders.runs.age(lost, seconds=6.0 if is_lost else 0.0, column="woken_at")

    assert queued.lost_wake_ups([]) == [(bob.pk, lost.pk)] * is_lost


@pytest.mark.usefixtures("long_queue")
def test_those_who_wait_too_long_are_found_without_reading_all_runs() -> None:
    plan = queued.timed_out()[: sweeping.BATCH].explain()

    assert " on conversations_activerun " in plan
    assert "conversations_run " not in plan
