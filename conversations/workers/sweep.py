"""What keeps the promise that every accepted run ends: every few seconds, whoever died meanwhile.

Runs of lapsed workers are put back or ended, runs that waited too long are ended, wake-ups that were lost are
sent again, and what nothing stores is forgotten. Every step is a conditional change, so two sweeps at once do no
harm; the lock only spares the second one the work.
"""

from collections.abc import Callable, Collection
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Least, Now

from conversations import broker, errors, refusals
from conversations import redis_clients as relay
from conversations.models import IdempotencyKey, Run
from conversations.models.runs.workers import LEASE_SECONDS
from conversations.relay import publish, recover
from conversations.relay.recover import RecoveredLog
from conversations.rules.runs import run_states
from conversations.rules.runs.run_states import AttemptOutcome, Finish
from conversations.services import one_by_one, sessions, upkeep
from conversations.services.accounts import tallies
from conversations.services.runs import background, fair_shares, finish, rows
from conversations.services.runs.accept import KEY_LIFETIME
from conversations.services.webhooks import deliveries
from conversations.values.runs import ACTIVE, TERMINAL, RunEnded, RunStatus

log = structlog.get_logger(__name__)

# Any number that no other job of this database uses.
SWEEP_LOCK = 7_206_001
# Longer than a commit takes to become a wake-up, or a worker to begin what it took.
WAKE_AGAIN_SECONDS = 5.0
# A thousand runs a second: what Redis lost is in line again long before QUEUE_WAIT is over.
WAKE_BATCH = 3_000
# Of the wake-ups next in line the oldest counts: single ones stand for a run that was put back, or is over.
LOOK_AT = 100
FORGET_SECONDS = 600.0
BATCH = 500
# Small rows, one statement: as many expire as can be made.
EXPIRE_BATCH = 2_000
# May be large, or nested too deeply to be read at all; no sweep has use for it.
UNREAD = ("request", "answer", "usage", "error_facts", "preset_text")


def sweep() -> None:
    """One round, unless another sweep is in the middle of one. A step that fails keeps no later one from its turn."""
    with transaction.atomic():
        if not _try_lock():
            return
        lapsed = list(_lapsed(are_leases_fair=upkeep.begin(name=upkeep.SWEEP))[:BATCH])
        overdue = list(_overdue()[:BATCH])
    steps: dict[str, Callable[[], object]] = {
        "recover": lambda: one_by_one.each("recover", lapsed, _recover, key=_name),
        "give_up": lambda: one_by_one.each("give_up", overdue, _give_up, key=_name),
        "wake_again": _wake_again,
        "wake_held": lambda: fair_shares.wake_held(most=BATCH),
        # Before what expires is taken off.
        "count": tallies.count,
        "expire": _expire,
        "expire_sessions": lambda: sessions.expire(limit=EXPIRE_BATCH),
        "forget": _forget,
        "wake_deliveries": _wake_deliveries,
        "purge_bodies": deliveries.purge_bodies,
    }
    done = [one_by_one.goes_well("sweep", name, step) for name, step in steps.items()]
    if all(done):
        upkeep.note_finished(name=upkeep.SWEEP)


def _name(run: Run) -> str:
    return run.public_id


def _try_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SWEEP_LOCK])
        return bool(cursor.fetchone()[0])


def recover_strays(*, worker_id: int, known: Collection[int]) -> None:
    """For a living worker: its runs in progress, claimed a while ago, of which it knows nothing.

    The answer to a claim was lost with its connection, or an end could not be written for too long. Raises RedisError.
    """
    since = Now() - timedelta(seconds=LEASE_SECONDS)
    mine = Run.objects.filter(worker=worker_id, status=RunStatus.IN_PROGRESS.value, claimed_at__lt=since)
    strays = mine.exclude(pk__in=known).select_related("worker").defer(*UNREAD).order_by("pk")
    one_by_one.each("recover", list(strays), _recover, key=_name)


def _lapsed(*, are_leases_fair: bool) -> QuerySet[Run]:
    """Runs whose worker was not heard of for a lease, if that says anything, or stopped in good order without them."""
    is_gone = Q(worker__stopped_at__isnull=False)
    if are_leases_fair:
        is_gone |= Q(worker__heartbeat_at__lt=Now() - timedelta(seconds=LEASE_SECONDS))
    in_progress = Run.objects.filter(is_gone, status=RunStatus.IN_PROGRESS.value)
    return in_progress.select_related("worker").defer(*UNREAD).order_by("pk")


def _recover(run: Run) -> None:
    """Puts back, or ends with what its readers saw, a run in progress that nobody works on.

    One of which that cannot be read or written ends without it. Raises what tells of a store that is away.
    """
    worker_name = run.worker.name if run.worker else ""
    try:
        _settle(run, worker_name=worker_name)
    except Exception as exc:
        if refusals.is_away(exc):
            raise
        one_by_one.complain("recover", run.public_id, exc)
        ended = finish.end_refused(run_id=run.pk, attempt=run.attempt, worker_name=worker_name, is_lost=True)
        if ended:
            publish.notify_readers(relay.client(), channel=run.channel)


def _settle(run: Run, *, worker_name: str) -> None:
    lost = recover.fence(
        relay.client(),
        run_id=run.public_id,
        attempt=run.attempt,
        worker_name=worker_name,
        keep_seconds=settings.RUN_LOG_SECONDS,
    )
    verdict = run_states.outcome(
        ending=AttemptOutcome.CANCELLED if run.cancel_requested_at else AttemptOutcome.WORKER_LOST,
        is_published=lost.is_published,
        has_text=bool(lost.text),
        is_streamed=run.is_streamed,
        attempt=run.attempts_lost + 1,
        max_attempts=settings.RUN_MAX_ATTEMPTS,
    )
    log.warning("run_lost_its_worker", run_id=run.public_id, attempt=run.attempt, worker=worker_name)
    if isinstance(verdict, Finish):
        _end(run, verdict, lost, worker_name=worker_name)
    else:
        finish.put_back(
            run_id=run.pk, attempt=run.attempt, worker_name=worker_name, is_lost=True, is_published=lost.is_published
        )


def _end(run: Run, verdict: Finish, lost: RecoveredLog, *, worker_name: str) -> None:
    ended = RunEnded(verdict.status, error_code=verdict.error_code, error_message=verdict.error_message)
    if finish.end_lost(run=run, ended=ended, lost=lost, worker_name=worker_name):
        publish.close(
            relay.client(),
            run_id=run.public_id,
            channel=run.channel,
            attempt=run.attempt,
            position=lost.length + 1,
            ended=ended,
            keep_seconds=settings.RUN_LOG_SECONDS,
        )


def _give_up(run: Run) -> None:
    finish.end_waiting(run_id=run.pk, error=errors.ConversationBusy("The message waited too long for its turn."))


def _overdue() -> QuerySet[Run]:
    """Runs that no worker took in time: their conversation was busy, or there are too few workers."""
    since = Now() - timedelta(seconds=settings.QUEUE_WAIT)
    # In the order of the index of those who wait: in any other, a planner that knows of many reads all runs there are.
    overdue = Run.objects.filter(status=RunStatus.QUEUED.value, queued_at__lt=since)
    return overdue.defer(*UNREAD).order_by("woken_at")


def _wake_again() -> None:
    """Wake-ups get lost with Redis, with the worker that took them, or between commit and enqueue.

    The line of wake-ups is in the order of `woken_at`. So a run that waits, and was woken well before the next in line,
    is in line no more, however long the line is; its place is at the head (ADR 11). Whoever is in line is not woken
    again. Raises RedisError.
    """
    forgotten = _forgotten(broker.next_in_line(most=LOOK_AT))
    broker.wake_first(run_ids=list(forgotten.values_list("pk", flat=True)[:WAKE_BATCH]))


def _forgotten(next_in_line: Collection[int]) -> QuerySet[Run]:
    """Runs that wait for nothing but a worker, and were woken before those that workers come to now."""
    come_to = Run.objects.filter(pk__in=next_in_line).aggregate(woken_at=Min("woken_at"))["woken_at"]
    since = Least(Now(), come_to or Now()) - timedelta(seconds=WAKE_AGAIN_SECONDS)
    earlier = Run.objects.filter(
        conversation=OuterRef("conversation"),
        status__in=ACTIVE,
        pk__lt=OuterRef("pk"),
    )
    waiting = Run.objects.filter(~Exists(earlier), status=RunStatus.QUEUED.value, woken_at__lt=since)
    return waiting.order_by("woken_at", "pk")


def _expire() -> None:
    """Idempotency keys, and the tasks of what nothing stores: what they kept can then be erased."""
    old = IdempotencyKey.objects.filter(created_at__lt=Now() - KEY_LIFETIME).order_by("created_at")
    pks = list(old.values_list("pk", flat=True)[:EXPIRE_BATCH])
    one_by_one.in_one("expire_keys", pks, lambda some: tallies.delete_expired_keys(pks=[*some], lifetime=KEY_LIFETIME))
    background.expire(limit=EXPIRE_BATCH)


def _forget() -> None:
    """Erases what nothing stores, should its reader not have done so."""
    since = Now() - timedelta(seconds=FORGET_SECONDS)
    unread = Run.objects.filter(
        conversation=None,
        status__in=TERMINAL,
        request__isnull=False,
        finished_at__lt=since,
        idempotency_keys=None,
        task=None,
    )
    rows.forget(run_ids=list(unread.values_list("pk", flat=True)[:BATCH]))


def _wake_deliveries() -> None:
    """Retries whose time has come, deliveries whose wake-up was lost, and those whose sender died."""
    deliveries.note_due()
    if deliveries.are_due():
        broker.wake_deliveries()
