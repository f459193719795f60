"""What is deleted by age, what goes with it, and what stays."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import psycopg
import pytest
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.models import Model
from django.db.models.functions import Now
from pytest_django import Settings

from conversations.models import (
    Account,
    Content,
    Delivery,
    DeliveryAttempt,
    Event,
    IdempotencyKey,
    Reading,
    Run,
    RunAttempt,
    Task,
    Worker,
)
from conversations.services.knowledge import contents
from conversations.services.retention import deletions
from conversations.services.runs import finish
from conversations.values.requests import NewTask, Preconditions
from conversations.workers import retention
from tests import builders
from tests.builders.factories import AccountFactory, DeliveryFactory, EventFactory, WorkerFactory
from tests.fakes import database_clock
from tests.waiting import eventually

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def pass_to(at: datetime) -> None:
    """What retention deletes at that moment by the database's clock."""
    database_clock.stop_at(at)
    assert retention.delete_old(seconds=60)


def pass_days(days: float) -> None:
    pass_to(builders.webhooks.now() + days * DAY)


def counts(*models: type[Model]) -> list[int]:
    return [model._default_manager.count() for model in models]


def answered_as_task(owner: Account, *, is_stored: bool = True) -> Run:
    run = builders.runs.start(owner, task=NewTask(), is_stored=is_stored)
    assert finish.finish(run=builders.runs.claim(run), report=builders.runs.report())
    return run


def test_a_run_that_is_not_stored_goes_with_all_that_is_its_own(ann: Account) -> None:
    key = Preconditions(idempotency_key="k", body_hash=b"h" * 32)
    run = builders.runs.answered(ann, is_stored=False, preconditions=key)
    builders.webhooks.callback(run)
    Delivery.objects.update(status="succeeded", finished_at=Now())
    stored = builders.runs.answered(ann)

    pass_days(89)
    assert counts(Run, RunAttempt, Delivery) == [2, 2, 1]
    pass_days(91)

    assert list(Run.objects.all()) == [stored]
    assert list(RunAttempt.objects.values_list("run", flat=True)) == [stored.pk]
    assert counts(IdempotencyKey, Delivery) == [0, 0]


def test_what_is_kept_for_longer_forgets_a_run_that_is_gone(ann: Account, settings: Settings) -> None:
    settings.KEEP = {**settings.KEEP, "events": 999 * DAY, "deliveries": 999 * DAY, "idempotency_keys": 999 * DAY}
    key = Preconditions(idempotency_key="k", body_hash=b"h" * 32)
    run = builders.runs.answered(ann, is_stored=False, preconditions=key)
    event = EventFactory.create(account=ann, run=run)
    DeliveryFactory.create(account=ann, event=event, run=run, has_succeeded=True)
    IdempotencyKey.objects.create(account=ann, key="other", body_hash=b"h" * 32)

    pass_days(91)

    assert not Run.objects.exists()
    assert list(Event.objects.values_list("run", flat=True)) == [None]
    assert list(Delivery.objects.filter(run=None).values_list("event", flat=True)) == [event.pk]
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["other"]


@pytest.mark.django_db(transaction=True)
def test_a_key_that_is_taken_anew_while_its_run_goes_stays() -> None:
    owner = AccountFactory.create()
    key = Preconditions(idempotency_key="k", body_hash=b"h" * 32)
    run = builders.runs.answered(owner, is_stored=False, preconditions=key)
    parameters = {**connection.get_connection_params(), "autocommit": False}
    with ThreadPoolExecutor() as pool, psycopg.connect(**parameters) as other:
        other.execute("UPDATE conversations_idempotencykey SET run_id = NULL, created_at = now()")
        deleted = pool.submit(_in_thread, [run.pk])
        eventually(_waiting, lambda waiting: waiting == 1)
        other.commit()

        assert deleted.result() == 1

    assert counts(Run, IdempotencyKey) == [0, 1]


def _in_thread(pks: list[int]) -> int:
    try:
        with transaction.atomic():
            return deletions.unstored_runs(pks)
    finally:
        connection.close()


def _waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%DELETE FROM%'"
        )
        return int(cursor.fetchone()[0])


def test_a_run_whose_delivery_is_pending_again_waits_for_its_end(ann: Account) -> None:
    run = builders.runs.answered(ann, is_stored=False)
    builders.webhooks.callback(run)

    pass_days(91)

    assert list(Run.objects.all()) == [run]
    assert counts(RunAttempt, Delivery) == [1, 1]


def test_an_active_run_is_never_deleted(ann: Account) -> None:
    run = builders.runs.start(ann, is_stored=False)

    pass_days(999)

    assert list(Run.objects.all()) == [run]


def test_attempts_of_stored_runs_go_and_the_runs_stay(ann: Account) -> None:
    builders.runs.answered(ann)

    pass_days(364)
    assert counts(RunAttempt) == [1]
    pass_days(366)

    assert counts(Run, RunAttempt) == [1, 0]


def test_tasks_go_once_their_runs_have_ended(ann: Account) -> None:
    answered_as_task(ann)
    waiting = builders.runs.start(ann, conversation_id="other", task=NewTask())
    unstored = answered_as_task(ann, is_stored=False)

    pass_days(0.9)
    assert counts(Task) == [3]
    pass_days(1.1)
    assert not Task.objects.filter(run=unstored).exists()
    assert counts(Task) == [2]
    pass_days(91)

    assert list(Task.objects.values_list("run", flat=True)) == [waiting.pk]


def test_events_and_deliveries_go_and_those_that_are_pending_stay(ann: Account) -> None:
    builders.webhooks.delivery(ann)
    at = builders.webhooks.now()
    for claimed in builders.webhooks.claim(at):
        builders.webhooks.succeed(claimed, at)
    Delivery.objects.update(body=None)
    pending = DeliveryFactory.create(account=ann)

    pass_to(at + 89 * DAY)
    assert counts(Event, Delivery, DeliveryAttempt) == [2, 2, 1]
    pass_to(at + 91 * DAY)

    assert list(Delivery.objects.all()) == [pending]
    assert list(Event.objects.all()) == [pending.event]
    assert counts(DeliveryAttempt) == [0]


def test_an_event_is_kept_as_long_as_its_delivery(ann: Account, settings: Settings) -> None:
    settings.KEEP = {**settings.KEEP, "deliveries": 200 * DAY}
    DeliveryFactory.create(account=ann, has_succeeded=True)
    EventFactory.create(account=ann)

    pass_days(199)
    assert counts(Event) == [2]
    pass_days(201)

    assert counts(Event, Delivery) == [0, 0]


def test_bodies_are_erased_by_age_and_the_evidence_stays(ann: Account, settings: Settings) -> None:
    run = builders.runs.answered(ann)
    builders.webhooks.delivery(ann)
    builders.webhooks.callback(run)
    at = builders.webhooks.now()
    for claimed in builders.webhooks.claim(at):
        builders.webhooks.succeed(claimed, at)

    pass_to(at + settings.DELIVERY_KEEP_DAYS * DAY - timedelta(minutes=1))
    assert bodies() == (1, 1)
    pass_to(at + settings.DELIVERY_KEEP_DAYS * DAY + timedelta(minutes=1))
    assert bodies() == (0, 0)

    assert counts(Delivery, DeliveryAttempt, Event) == [2, 2, 1]


def bodies() -> tuple[int, int]:
    return (
        Event.objects.filter(payload__isnull=False).count(),
        Delivery.objects.filter(body__isnull=False).count(),
    )


def test_the_answer_of_an_unstored_turn_is_kept_for_a_day(ann: Account) -> None:
    run = builders.runs.answered(ann, is_stored=False)
    builders.webhooks.callback(run)
    at = builders.webhooks.now()
    pass_to(at + 3 * DAY)
    assert bodies() == (0, 1)
    builders.webhooks.succeed(builders.webhooks.claim(at)[0], at)

    pass_to(at + timedelta(hours=23))
    assert bodies() == (0, 1)
    pass_to(at + timedelta(hours=25))
    assert bodies() == (0, 0)


def test_rows_of_dead_workers_go_and_those_of_living_ones_stay(ann: Account) -> None:
    WorkerFactory.create(name="alive")
    for name, days in (("ended", 29), ("ended long ago", 31)):
        WorkerFactory.create(name=name, heartbeat_at=Now() - days * DAY, stopped_at=Now() - days * DAY)
    WorkerFactory.create(name="killed long ago", heartbeat_at=Now() - 31 * DAY)

    assert retention.delete_old(seconds=60)

    assert sorted(Worker.objects.values_list("name", flat=True)) == ["alive", "ended"]


def test_sessions_of_the_admin_that_are_over_go_after_a_day() -> None:
    for key, hours in (("long over", -25), ("over", -23), ("open", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=Now() + timedelta(hours=hours))

    assert retention.delete_old(seconds=60)

    assert sorted(Session.objects.values_list("session_key", flat=True)) == ["open", "over"]


FOR_EVER: list[Callable[[Account], object]] = [
    lambda ann: builders.runs.answered(ann, is_stored=False),
    lambda ann: DeliveryFactory.create(account=ann, has_succeeded=True),
    answered_as_task,
]


@pytest.mark.parametrize("make", FOR_EVER, ids=["unstored run", "delivery", "task"])
def test_nothing_goes_that_is_kept_for_ever(
    make: Callable[[Account], object], ann: Account, settings: Settings
) -> None:
    settings.KEEP = dict.fromkeys(settings.KEEP, timedelta(days=36_500))
    make(ann)
    before = counts(Run, RunAttempt, Task, Event, Delivery, Worker)

    pass_days(9_999)

    assert counts(Run, RunAttempt, Task, Event, Delivery, Worker) == before


def test_what_is_not_counted_yet_stays(ann: Account) -> None:
    run = builders.runs.answered(ann, is_stored=False)
    stored = builders.runs.answered(ann)
    builders.usage.note_counted(0)

    pass_days(400)
    assert counts(Run, RunAttempt) == [2, 2]

    builders.usage.note_counted(RunAttempt.objects.get(run=run).pk)
    pass_days(400)
    assert list(RunAttempt.objects.values_list("run", flat=True)) == [stored.pk]
    assert list(Run.objects.values_list("pk", flat=True)) == [stored.pk]


def test_what_was_read_goes_when_it_has_not_been_used(ann: Account) -> None:
    run = builders.runs.answered(ann)
    builders.contents.read(run, "old")
    builders.contents.read(run, "new", url="https://new.example/")
    used = Content.objects.get(text="new")
    Content.objects.update(used_at=Now() - 29 * DAY)
    assert retention.delete_old(seconds=60)
    assert counts(Content, Reading) == [2, 2]
    Content.objects.update(used_at=Now() - 31 * DAY)
    contents.note_use(account_id=ann.pk, pks=[used.pk])

    assert retention.delete_old(seconds=60)

    assert list(Content.objects.values_list("text", flat=True)) == ["new"]
    assert list(Reading.objects.values_list("content", flat=True)) == [used.pk]
