"""Which rows are kept for how long. Another table that grows is one entry more.

A kind stands after those that point at its rows. What still points at a row then goes with it, or lets go of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import QuerySet

from conversations.models import Delivery, Event, IdempotencyKey, Run, RunAttempt, Task, Worker
from conversations.services.retention import deletions
from conversations.services.runs.tasks import TASK_LIFETIME

# A callback's body is the answer. That of an unstored turn must not outlive its task by long.
UNSTORED_BODY_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kind:
    """Rows that go when `age`, a moment in each, is longer ago than `keep`.

    They are found from the oldest on, by an index in the order of `order`. Where the table has none on a moment, that
    is `pk`: ids grow with time. `delete` gets the keys of rows that are old enough. In the transaction that it is
    called in, it deletes or empties those that may go and that nobody has locked, and returns how many it were.
    """

    name: str
    rows: QuerySet[Any]
    order: str
    age: str
    keep: timedelta
    delete: Callable[[Sequence[Any]], int]


def kinds() -> tuple[Kind, ...]:
    return (*_bodies(), *_webhooks(), *_of_runs(), *_others())


def _bodies() -> tuple[Kind, ...]:
    """Of these only what was sent goes; the rows stay as evidence."""
    bodies = timedelta(days=settings.DELIVERY_KEEP_DAYS)
    callbacks = Delivery.objects.filter(body__isnull=False)
    return (
        Kind(
            name="event_payloads",
            rows=Event.objects.filter(payload__isnull=False),
            order="created_at",
            age="created_at",
            keep=bodies,
            delete=deletions.event_payloads,
        ),
        Kind(
            name="callback_bodies",
            rows=callbacks,
            order="finished_at",
            age="finished_at",
            keep=bodies,
            delete=deletions.callback_bodies,
        ),
        Kind(
            name="callback_bodies_of_unstored",
            rows=callbacks.filter(is_stored=False),
            order="finished_at",
            age="finished_at",
            keep=UNSTORED_BODY_LIFETIME,
            delete=deletions.callback_bodies,
        ),
    )


def _webhooks() -> tuple[Kind, ...]:
    """Deliveries, and then the events that they deliver."""
    keep = settings.KEEP
    return (
        Kind(
            name="deliveries",
            rows=Delivery.objects.all(),
            order="pk",
            age="created_at",
            keep=keep["deliveries"],
            delete=deletions.deliveries,
        ),
        Kind(
            name="events",
            rows=Event.objects.all(),
            order="pk",
            age="created_at",
            # A delivery shows what it delivers.
            keep=max(keep["events"], keep["deliveries"]),
            delete=deletions.events,
        ),
    )


def _of_runs() -> tuple[Kind, ...]:
    """What belongs to runs, and then those of them that are not stored."""
    keep = settings.KEEP
    return (
        Kind(
            name="tasks",
            rows=Task.objects.all(),
            order="pk",
            age="created_at",
            keep=keep["tasks"],
            delete=deletions.tasks,
        ),
        Kind(
            name="tasks_of_unstored",
            rows=Task.objects.filter(is_stored=False),
            order="created_at",
            age="created_at",
            keep=TASK_LIFETIME,
            delete=deletions.tasks,
        ),
        Kind(
            name="idempotency_keys",
            rows=IdempotencyKey.objects.all(),
            order="created_at",
            age="created_at",
            keep=keep["idempotency_keys"],
            delete=deletions.idempotency_keys,
        ),
        Kind(
            name="attempts",
            rows=RunAttempt.objects.all(),
            order="pk",
            age="ended_at",
            keep=keep["attempts"],
            delete=deletions.attempts,
        ),
        Kind(
            name="unstored_runs",
            rows=Run.objects.filter(conversation__isnull=True),
            order="created_at",
            age="created_at",
            keep=keep["unstored_runs"],
            delete=deletions.unstored_runs,
        ),
    )


def _others() -> tuple[Kind, ...]:
    """Rows that no run has."""
    keep = settings.KEEP
    return (
        Kind(
            name="workers",
            rows=Worker.objects.all(),
            # No index: the table is small. By its id the oldest may be one that lives.
            order="heartbeat_at",
            age="heartbeat_at",
            keep=keep["workers"],
            delete=deletions.workers,
        ),
        Kind(
            name="sessions",
            rows=Session.objects.all(),
            order="expire_date",
            age="expire_date",
            keep=keep["sessions"],
            delete=deletions.sessions,
        ),
    )
