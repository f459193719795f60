"""Runs that wait for a worker: those that waited too long end, and lost wake-ups are sent again."""

from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, Min, OuterRef, QuerySet
from django.db.models.functions import Least, Now

from conversations import broker, errors
from conversations.models import Run
from conversations.services.runs import finish
from conversations.values.runs import ACTIVE, RunStatus

# Longer than it takes from a commit to its wake-up, or from a worker's taking a wake-up to its claim.
WAKE_AGAIN_SECONDS = 5.0
# A thousand runs a second: all that Redis lost is back in the queue long before QUEUE_WAIT is over.
WAKE_BATCH = 3_000
# The queue's position is the oldest `woken_at` of this many next wake-ups. One alone may mislead: it may be of a run
# that was put back, or that has ended.
NEXT_WAKE_UPS = 100


def timed_out() -> QuerySet[Run]:
    """Runs that no worker took in QUEUE_WAIT: their conversation was busy, or there are too few workers."""
    since = Now() - timedelta(seconds=settings.QUEUE_WAIT)
    late = Run.objects.filter(status=RunStatus.QUEUED.value, queued_at__lt=since)
    # In the order of the index run_waiting: for any other order a planner that expects many of them reads all runs.
    return late.only("public_id").order_by("woken_at")


def time_out(run: Run) -> None:
    finish.fail_queued(run_id=run.pk, error=errors.ConversationBusy("The message waited too long for its turn."))


def resend_lost_wake_ups() -> None:
    """Wake-ups get lost with Redis, with the worker that took them, or between a commit and the enqueuing.

    The queue of wake-ups is in the order of `woken_at`. So a run that waits and was woken well before the next ones in
    the queue is not in the queue any more, however long that is; its wake-up goes to the head (ADR 11). A run that is
    in the queue is not woken again. Raises RedisError.
    """
    lost = lost_wake_ups(broker.next_runs(most=NEXT_WAKE_UPS))
    broker.wake_first(run_ids=list(lost.values_list("pk", flat=True)[:WAKE_BATCH]))


def lost_wake_ups(next_runs: Collection[int]) -> QuerySet[Run]:
    """Runs that wait for nothing but a worker, and were woken well before the `next_runs` of the queue."""
    reached = Run.objects.filter(pk__in=next_runs).aggregate(woken_at=Min("woken_at"))["woken_at"]
    since = Least(Now(), reached or Now()) - timedelta(seconds=WAKE_AGAIN_SECONDS)
    earlier = Run.objects.filter(
        conversation=OuterRef("conversation"),
        status__in=ACTIVE,
        pk__lt=OuterRef("pk"),
    )
    waiting = Run.objects.filter(~Exists(earlier), status=RunStatus.QUEUED.value, woken_at__lt=since)
    return waiting.order_by("woken_at", "pk")
