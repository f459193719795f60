"""Runs in progress that nobody works on any more: put back, or ended with what their readers saw."""

from collections.abc import Collection, Iterable
from datetime import timedelta

import structlog
from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from conversations.models import ActiveRun
from conversations.models.runs.workers import LEASE_SECONDS
from conversations.relay import publish
from conversations.relay import recover as relay_recover
from conversations.relay.recover import RecoveredLog
from conversations.rules.runs import run_states
from conversations.rules.runs.run_states import AttemptEnd, AttemptOutcome, Finish
from conversations.services import one_by_one
from conversations.services.runs import finish
from conversations.stores import redis_clients, refusals
from conversations.values.runs import RunEnded, RunStatus

log = structlog.get_logger(__name__)

# Of no use here, and possibly large, or nested too deeply to be read at all.
UNREAD_COLUMNS = ("run__request", "run__answer", "run__usage", "run__error_facts", "run__preset_text")


def abandoned(*, are_leases_reliable: bool) -> QuerySet[ActiveRun]:
    """Runs in progress whose worker stopped in good order without them, or whose worker's lease lapsed.

    Lapsed leases only count when they are reliable (`services.upkeep.begin`).
    """
    is_gone = Q(worker__stopped_at__isnull=False)
    if are_leases_reliable:
        is_gone |= Q(worker__heartbeat_at__lt=Now() - timedelta(seconds=LEASE_SECONDS))
    return _in_progress().filter(is_gone)


def recover_orphans(*, worker_id: int, known: Collection[int]) -> None:
    """Recovers a living worker's runs in progress that are not `known` to it and were claimed longer than a lease ago.

    The response to a claim was lost with its connection, or an end could not be written for too long. Raises RedisError
    and DatabaseError when a store is away.
    """
    since = Now() - timedelta(seconds=LEASE_SECONDS)
    recover(list(_in_progress().filter(worker=worker_id, claimed_at__lt=since).exclude(pk__in=known)))


def recover(rows: Iterable[ActiveRun]) -> None:
    """A run that cannot be recovered does not keep the others from it. Raises the error of a store that is away."""
    one_by_one.each("recover", rows, _recover, key=lambda active: active.run.public_id)


def _in_progress() -> QuerySet[ActiveRun]:
    in_progress = ActiveRun.objects.filter(status=RunStatus.IN_PROGRESS.value)
    return in_progress.select_related("worker", "run").defer(*UNREAD_COLUMNS).order_by("pk")


def _recover(active: ActiveRun) -> None:
    """A run whose recovery is refused ends without an answer. Raises the error of a store that is away."""
    worker_name = active.worker.name if active.worker else ""
    try:
        _settle(active, worker_name=worker_name)
    except Exception as exc:
        if refusals.is_away(exc):
            raise
        one_by_one.log_once("recover", active.run.public_id, exc)
        ended = finish.fail_refused(
            account_id=active.account_id,
            run_id=active.pk,
            attempt=active.attempt,
            worker_name=worker_name,
            is_lost=True,
        )
        if ended:
            publish.notify_readers(
                redis_clients.client(), channels=[active.run.channel], free_places_of=[active.run.public_id]
            )


def _settle(active: ActiveRun, *, worker_name: str) -> None:
    run = active.run
    recovered = relay_recover.fence(
        redis_clients.client(),
        run_id=run.public_id,
        attempt=active.attempt,
        worker_name=worker_name,
        keep_seconds=settings.RUN_LOG_SECONDS,
    )
    decision = run_states.decide(
        AttemptEnd(AttemptOutcome.CANCELLED if active.cancel_requested_at else AttemptOutcome.WORKER_LOST),
        is_published=recovered.is_published,
        has_text=bool(recovered.text),
        is_streamed=active.is_streamed,
        attempt=active.attempts_lost + 1,
        max_attempts=settings.RUN_MAX_ATTEMPTS,
    )
    log.warning("run_lost_its_worker", run_id=run.public_id, attempt=active.attempt, worker=worker_name)
    if isinstance(decision, Finish):
        _finish(active, decision, recovered, worker_name=worker_name)
    else:
        # Should the run have been opened as a stream at this moment, nothing changes, and the next sweep ends it.
        finish.requeue(
            account_id=active.account_id,
            run_id=active.pk,
            attempt=active.attempt,
            worker_name=worker_name,
            is_lost=True,
            is_published=recovered.is_published,
        )


def _finish(active: ActiveRun, end: Finish, recovered: RecoveredLog, *, worker_name: str) -> None:
    ended = RunEnded(end.status, error_code=end.error_code, error_message=end.error_message)
    if finish.finish_lost(active=active, ended=ended, recovered=recovered, worker_name=worker_name):
        publish.close(
            redis_clients.client(),
            run_id=active.run.public_id,
            channel=active.run.channel,
            attempt=active.attempt,
            position=recovered.length + 1,
            ended=ended,
            keep_seconds=settings.RUN_LOG_SECONDS,
        )
