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

from conversations.models import (
    Content,
    Delivery,
    Event,
    IdempotencyKey,
    Run,
    RunStep,
    Task,
    ToolCall,
    WebhookEndpoint,
    Worker,
)
from conversations.services.money import usage
from conversations.services.retention import deletions
from conversations.services.runs.tasks import TASK_LIFETIME

# A callback's body is the answer. That of an unstored turn must not outlive its task by long.
UNSTORED_BODY_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """Rows that go when `age`, a moment in each, is longer ago than `keep`.

    They are found from the oldest on, by an index in the order of `order`. Where the table has none on a moment, that
    is `pk`: ids grow with time. `delete` gets the keys of rows that are old enough. In the transaction that it is
    called in, it deletes or empties those that may go and that nobody has locked, and returns how many it were.
    """

    name: str
    rows: QuerySet[Any]
    keep: timedelta
    delete: Callable[[Sequence[Any]], int]
    order: str = "pk"
    age: str = "created_at"


def kinds() -> tuple[Kind, ...]:
    return (*_bodies(), *_webhooks(), *_of_runs(), *_others())


def _bodies() -> tuple[Kind, ...]:
    """Of these only what was sent goes; the rows stay as evidence."""
    keep = timedelta(days=settings.DELIVERY_KEEP_DAYS)
    events = Event.objects.filter(payload__isnull=False)
    callbacks = Delivery.objects.filter(body__isnull=False)
    unstored = callbacks.filter(is_stored=False)
    empty, ended = deletions.callback_bodies, "finished_at"
    return (
        Kind("event_payloads", events, keep, deletions.event_payloads, order="created_at"),
        Kind("callback_bodies", callbacks, keep, empty, order=ended, age=ended),
        Kind("callback_bodies_of_unstored", unstored, UNSTORED_BODY_LIFETIME, empty, order=ended, age=ended),
    )


def _webhooks() -> tuple[Kind, ...]:
    """Deliveries, and then the events that they deliver and the endpoints that they went to."""
    keep = settings.KEEP
    # A delivery shows what it delivers.
    events = max(keep["events"], keep["deliveries"])
    endpoints, deleted = WebhookEndpoint.objects.filter(deleted_at__isnull=False), "deleted_at"
    return (
        Kind("deliveries", Delivery.objects.all(), keep["deliveries"], deletions.deliveries),
        Kind("events", Event.objects.all(), events, deletions.events),
        Kind("endpoints", endpoints, keep["deliveries"], deletions.endpoints, order=deleted, age=deleted),
    )


def _of_runs() -> tuple[Kind, ...]:
    """What belongs to runs, and then those of them that are not stored."""
    keep = settings.KEEP
    tasks, keys = Task.objects.all(), IdempotencyKey.objects.all()
    unstored = Run.objects.filter(conversation__isnull=True)
    return (
        Kind("tasks", tasks, keep["tasks"], deletions.tasks),
        Kind("tasks_of_unstored", tasks.filter(is_stored=False), TASK_LIFETIME, deletions.tasks, order="created_at"),
        Kind("idempotency_keys", keys, keep["idempotency_keys"], deletions.idempotency_keys, order="created_at"),
        Kind("attempts", usage.counted_attempts(), keep["attempts"], deletions.attempts, age="ended_at"),
        Kind("tool_calls", ToolCall.objects.all(), keep["tool_calls"], deletions.tool_calls),
        Kind("run_steps", RunStep.objects.all(), keep["tool_calls"], deletions.run_steps),
        Kind("unstored_runs", unstored, keep["unstored_runs"], deletions.unstored_runs, order="created_at"),
    )


def _others() -> tuple[Kind, ...]:
    """Rows that no run has."""
    keep = settings.KEEP
    workers, sessions = Worker.objects.all(), Session.objects.all()
    # Workers have no index on that: they are few. By its id the oldest may be one that lives.
    heard, expires, used = "heartbeat_at", "expire_date", "used_at"
    return (
        Kind("contents", Content.objects.all(), keep["contents"], deletions.contents, order=used, age=used),
        Kind("workers", workers, keep["workers"], deletions.workers, order=heard, age=heard),
        Kind("sessions", sessions, keep["sessions"], deletions.sessions, order=expires, age=expires),
    )
