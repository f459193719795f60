"""How old rows of each kind are deleted. Nobody waits for it: a row that somebody else has locked is left for later.

Each function is called in a transaction with the keys of rows that are old enough, and returns how many it deleted.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from conversations.models import (
    AssistedRun,
    Content,
    Delivery,
    DeliveryAttempt,
    Event,
    IdempotencyKey,
    Run,
    RunAttempt,
    RunStep,
    Task,
    ToolCall,
    WebhookEndpoint,
    Worker,
)
from conversations.services.accounts import tallies
from conversations.services.knowledge import contents as knowledge_contents
from conversations.services.money import usage
from conversations.services.webhooks import deliveries as webhook_deliveries
from conversations.stores import rows

PENDING = Delivery.Status.PENDING.value


def event_payloads(pks: Sequence[int]) -> int:
    return Event.objects.filter(pk__in=_lock(Event.objects.filter(pk__in=pks))).update(payload=None)


def callback_bodies(pks: Sequence[int]) -> int:
    return Delivery.objects.filter(pk__in=_lock(Delivery.objects.filter(pk__in=pks))).update(body=None)


def deliveries(pks: Sequence[int]) -> int:
    """With their attempts. One that is pending, because it was replayed, stays until it has ended."""
    return _delete_deliveries(_lock(Delivery.objects.filter(pk__in=pks).exclude(status=PENDING)))


def events(pks: Sequence[int]) -> int:
    """Those that have no delivery left."""
    return rows.delete(Event, _lock(Event.objects.filter(pk__in=pks, deliveries=None)))


def endpoints(pks: Sequence[int]) -> int:
    """Those that have no delivery left. An account's first one stays: its events are kept ever since."""
    owned = WebhookEndpoint.objects.filter(account=OuterRef("account"), pk__lt=OuterRef("pk"))
    deleted = WebhookEndpoint.objects.filter(pk__in=pks, deleted_at__isnull=False, deliveries=None)
    return rows.delete(WebhookEndpoint, _lock(deleted.filter(Exists(owned))))


def tasks(pks: Sequence[int]) -> int:
    """Those whose run has ended: its end is reported to the task's callback URL."""
    return rows.delete(Task, _lock(Task.objects.filter(pk__in=pks, run__finished_at__isnull=False)))


def idempotency_keys(pks: Sequence[int]) -> int:
    locked = _lock(IdempotencyKey.objects.filter(pk__in=pks))
    return tallies.delete_expired_keys(pks=locked, lifetime=settings.KEEP["idempotency_keys"])


def attempts(pks: Sequence[int]) -> int:
    return rows.delete(RunAttempt, _lock(RunAttempt.objects.filter(pk__in=pks)))


def tool_calls(pks: Sequence[int]) -> int:
    """Those of runs that have ended: one that waits for an approval goes on from them."""
    return rows.delete(ToolCall, _lock(ToolCall.objects.filter(pk__in=pks, run__finished_at__isnull=False)))


def run_steps(pks: Sequence[int]) -> int:
    """As `tool_calls`."""
    return rows.delete(RunStep, _lock(RunStep.objects.filter(pk__in=pks, run__finished_at__isnull=False)))


def unstored_runs(pks: Sequence[int]) -> int:
    """With all that is about the run alone. Events and their deliveries only forget it: they may be kept for longer.

    One whose usage has not been counted stays.
    """
    uncounted = usage.uncounted_attempts().filter(run__in=pks).values("run")
    ended = Run.objects.filter(pk__in=pks, finished_at__isnull=False).exclude(pk__in=uncounted)
    gone = _lock(ended.exclude(pk__in=Delivery.objects.filter(run__in=pks, status=PENDING).values("run")))
    RunAttempt.objects.filter(run__in=gone).delete()
    ToolCall.objects.filter(run__in=gone).delete()
    RunStep.objects.filter(run__in=gone).delete()
    AssistedRun.objects.filter(run__in=gone).delete()
    Task.objects.filter(run__in=gone).delete()
    tallies.delete_keys_of_runs(run_ids=gone)
    of_runs = Delivery.objects.filter(run__in=gone)
    webhook_deliveries.lock(of_runs)
    _delete_deliveries(list(of_runs.filter(kind=Delivery.Kind.CALLBACK.value).values_list("pk", flat=True)))
    of_runs.update(run=None)
    Event.objects.filter(run__in=gone).update(run=None)
    return rows.delete(Run, gone)


def contents(pks: Sequence[int]) -> int:
    """With the readings that point at them: a later turn reads what it needs once more. One just used stays.

    Of those that are large, or that many conversations have read, only a part: the next round goes on.
    """
    unused = Content.objects.filter(pk__in=pks, used_at__lt=Now() - settings.KEEP["contents"])
    _, gone = knowledge_contents.delete_some(_lock(unused))
    return gone


def workers(pks: Sequence[int]) -> int:
    """The rows of processes that ended. The database refuses to delete one whose runs were not recovered yet."""
    return rows.delete(Worker, _lock(Worker.objects.filter(pk__in=pks)))


def sessions(pks: Sequence[str]) -> int:
    """Expired ones. Django itself never deletes any."""
    return Session.objects.filter(pk__in=pks).delete()[0]


def _delete_deliveries(pks: list[int]) -> int:
    DeliveryAttempt.objects.filter(delivery__in=pks).delete()
    return rows.delete(Delivery, pks)


def _lock(rows: QuerySet[Any]) -> list[int]:
    return list(rows.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True))
