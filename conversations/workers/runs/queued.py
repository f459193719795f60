"""Runs that wait for a worker: those that waited too long end, and lost wake-ups are sent again."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Min, Prefetch, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan
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
    broker.wake_first(runs=lost_wake_ups(broker.next_runs(most=NEXT_WAKE_UPS)))


def lost_wake_ups(next_runs: Collection[int]) -> list[tuple[int, int]]:
    """Accounts and ids of runs that wait for nothing but a worker, and were woken well before the `next_runs`.

    At most WAKE_BATCH. One of them may have begun, or an earlier run of its conversation have ended, between the two
    questions; it is then woken once too often, and nothing becomes of it.
    """
    late, lost = woken_before(next_runs), list[tuple[int, int]]()
    last: tuple[datetime | None, int] | None = None
    while len(lost) < WAKE_BATCH:
        following = late if last is None else late.filter(TupleGreaterThan(Tuple(F("woken_at"), F("pk")), last))
        found = list(following.only("account", "conversation", "woken_at")[:WAKE_BATCH])
        first = first_of({run.conversation_id for run in found if run.conversation_id is not None})
        lost += [(run.account_id, run.pk) for run in found if first.get(run.conversation_id, run.pk) == run.pk]
        if len(found) < WAKE_BATCH:
            break
        last = found[-1].woken_at, found[-1].pk
    return lost[:WAKE_BATCH]


def woken_before(next_runs: Collection[int]) -> QuerySet[ActiveRun]:
    """Runs that wait, and were woken well before the `next_runs` of the queue: the oldest first."""
    reached = ActiveRun.objects.filter(pk__in=next_runs).aggregate(woken_at=Min("woken_at"))["woken_at"]
    if reached is None:
        # All of them have ended, or are held. They joined the queue after they were accepted.
        reached = Run.objects.filter(pk__in=next_runs).aggregate(created_at=Min("created_at"))["created_at"]
    since = Least(Now(), reached or Now()) - timedelta(seconds=WAKE_AGAIN_SECONDS)
    return ActiveRun.objects.filter(status=RunStatus.QUEUED.value, woken_at__lt=since).order_by("woken_at", "pk")


def first_of(conversations: Collection[int]) -> dict[int | None, int]:
    """The earliest active run of each, which has the next turn.

    Asked for many at once. As a part of the question for late runs it could become, where the statistics of the queue
    are those of an empty one, a walk through the whole queue for each of them; this is one walk at worst.
    """
    runs = ActiveRun.objects.filter(conversation__in=conversations).values_list("conversation")
    return dict(runs.annotate(first=Min("pk")))
