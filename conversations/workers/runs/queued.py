"""Runs that wait for a worker: those that waited too long end, and lost wake-ups are sent again."""

from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.db.models import F, Min, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Least, Now

from conversations import broker, errors
from conversations.models import ActiveRun, Run
from conversations.services.runs import finish
from conversations.values.runs import RunStatus

# Longer than it takes from a commit to its wake-up, or from a worker's taking a wake-up to its claim.
WAKE_AGAIN_SECONDS = 5.0
# A thousand runs a second: all that Redis lost is back in the queue long before QUEUE_WAIT is over.
WAKE_BATCH = 3_000
# The queue's position is the oldest `woken_at` of this many next wake-ups. One alone may mislead: it may be of a run
# that was put back, or that has ended.
NEXT_WAKE_UPS = 100


def timed_out() -> QuerySet[ActiveRun]:
    """Runs that no worker took in QUEUE_WAIT: their conversation was busy, or there are too few workers."""
    since = Now() - timedelta(seconds=settings.QUEUE_WAIT)
    late = ActiveRun.objects.filter(status=RunStatus.QUEUED.value, queued_at__lt=since)
    # In the order of the index active_run_waiting, so that no more of a long queue is read than is asked for.
    return late.prefetch_related(Prefetch("run", Run.objects.only("public_id"))).order_by("woken_at")


def time_out(active: ActiveRun) -> None:
    error = errors.ConversationBusy("The message waited too long for its turn.")
    finish.fail_queued(account_id=active.account_id, run_id=active.pk, error=error)


def resend_lost_wake_ups() -> None:
    """Wake-ups get lost with Redis, with the worker that took them, or between a commit and the enqueuing.

    The queue of wake-ups is in the order of `woken_at`. So a run that waits and was woken well before the next ones in
    the queue is not in the queue any more, however long that is; its wake-up goes to the head (ADR 11). A run that is
    in the queue is not woken again. Raises RedisError.
    """
    lost = lost_wake_ups(broker.next_runs(most=NEXT_WAKE_UPS))
    broker.wake_first(runs=list(lost.values_list("account_id", "pk")[:WAKE_BATCH]))


def lost_wake_ups(next_runs: Collection[int]) -> QuerySet[ActiveRun]:
    """Runs that wait for nothing but a worker, and were woken well before the `next_runs` of the queue."""
    reached = ActiveRun.objects.filter(pk__in=next_runs).aggregate(woken_at=Min("woken_at"))["woken_at"]
    if reached is None:
        # All of them have ended, or are held. They joined the queue after they were accepted.
        reached = Run.objects.filter(pk__in=next_runs).aggregate(created_at=Min("created_at"))["created_at"]
    since = Least(Now(), reached or Now()) - timedelta(seconds=WAKE_AGAIN_SECONDS)
    # Neither an Exists nor a comparison that an index can answer, for the same reason as in CLAIM (`sql.IS_NEXT`).
    of_conversation = ActiveRun.objects.filter(conversation=OuterRef("conversation")).alias(number=F("pk") + 0)
    earlier = Subquery(of_conversation.filter(number__lt=OuterRef("pk")).values("pk")[:1])
    waiting = ActiveRun.objects.filter(status=RunStatus.QUEUED.value, woken_at__lt=since)
    return waiting.alias(earlier=earlier).filter(earlier=None).order_by("woken_at", "pk")
