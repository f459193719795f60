"""How a run leaves its attempt, or its queue: ended once and for good, or put back to start again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from psycopg.types.json import Jsonb

from conversations import broker, errors
from conversations.models import Run, RunAttempt
from conversations.relay import codec, publish
from conversations.relay.recover import RecoveredLog
from conversations.services import conversations, one_by_one
from conversations.services.runs import fair_shares, notify, records, sql
from conversations.services.runs.claim import ClaimedRun
from conversations.services.transactions import retry_on_deadlock
from conversations.stores import redis_clients, statements
from conversations.values.runs import RunEnded, RunStatus
from providers import serialization
from providers.assembly import Answer
from providers.events import CallStarted
from providers.messages import Usage


@dataclass(frozen=True, slots=True)
class AttemptReport:
    """What an attempt leaves behind; `answers` may be partial. `first_token_age`: how long ago the first token came."""

    worker_name: str
    answers: tuple[Answer, ...]
    log_shape: Sequence[codec.Shape]
    ended: RunEnded
    call: CallStarted | None = None
    first_token_age: timedelta | None = None
    upstream_request_id: str = ""
    upstream_calls: int = 0


@dataclass(frozen=True, slots=True)
class AttemptCost:
    """What an attempt that is put back has cost upstream. Unknown, and so empty, when its worker died."""

    upstream_request_id: str = ""
    upstream_calls: int = 0
    usage: Usage | None = None


NO_COST = AttemptCost()


def finish(*, run: ClaimedRun, report: AttemptReport) -> bool:
    """Ends the run with what the attempt brought. The conversation's head moves when there is text to move it to.

    False when the run was no longer this attempt's to end; then nothing changed. Wakes the conversation's next run.
    Raises what the database, or an encoder on the way to it, refuses; then nothing changed either (`fail_refused`).
    """
    outcome = report.ended.status.value
    row = _write_end(
        _end(run_id=run.pk, attempt=run.attempt, report=report, outcome=outcome, is_stored=run.is_stored),
        needs_report=run.needs_report,
    )
    return _wake_others(run.pk, row)


def _end(*, run_id: int, attempt: int, report: AttemptReport, outcome: str, is_stored: bool) -> dict[str, Any]:
    """The parameters of FINISH."""
    ended = report.ended
    moves_thread = is_stored and ended.status is not RunStatus.FAILED
    answer = records.dump_answers(report.answers, report.log_shape, call=report.call) if report.answers else None
    return {
        "run_id": run_id,
        "attempt": attempt,
        "status": ended.status.value,
        "answer": _large(answer) if answer else None,
        "usage": orjson.dumps(serialization.dump_usage(ended.usage)).decode() if ended.usage else None,
        "error_code": ended.error_code,
        "error_message": ended.error_message,
        "error_facts": orjson.dumps(dict(ended.error_facts)).decode() if ended.error_facts else None,
        "first_token_age": report.first_token_age,
        "worker_name": report.worker_name,
        "outcome": outcome,
        "upstream_request_id": report.upstream_request_id,
        "upstream_calls": report.upstream_calls,
        "messages": _large(records.dump_answer_rows(report.answers) if moves_thread else []),
    }


def _wake_others(run_id: int, row: Mapping[str, Any]) -> bool:
    """Wakes what waited for the run, if FINISH wrote its end; whether it did."""
    if not row["is_written"]:
        return False
    if row["conversation_id"] is not None and row["latest_run_id"] != run_id:
        conversations.wake_next(conversation_id=row["conversation_id"])
    if row["is_anybody_held"]:
        fair_shares.wake_held()
    return True


def _large(value: Any) -> Jsonb:
    """Encoded to bytes when it is sent, without a string in between: an answer may be megabytes."""
    return Jsonb(value, dumps=orjson.dumps)


@retry_on_deadlock
def _write_end(parameters: dict[str, Any], *, needs_report: bool) -> dict[str, Any]:
    """In a transaction only for an end that is to be reported to an endpoint or a callback.

    `needs_report`: it is known that it is.
    """
    if not needs_report:
        row = statements.fetch_one(sql.FINISH, {**parameters, "is_reported": False})
        if not row["needs_report"]:
            return row
    with transaction.atomic():
        row = statements.fetch_one(sql.FINISH, {**parameters, "is_reported": True})
        if row["is_written"]:
            notify.report_end(run_id=parameters["run_id"])
    return row


@retry_on_deadlock
def requeue(
    *, run_id: int, attempt: int, worker_name: str, is_lost: bool, is_published: bool, cost: AttemptCost = NO_COST
) -> bool:
    """Puts the run back in the queue, for its next attempt. Of this one only its `cost` is kept.

    `is_lost`: the attempt counts towards the limit of attempts that a run may lose; a drained one does not. False, and
    nothing changed, when the run is not this attempt's any more, or when text of it was published and the run has been
    opened as a stream meanwhile.
    """
    with transaction.atomic():
        conversations.lock_of(run_id=run_id)
        mine = Run.objects.select_for_update().filter(pk=run_id, attempt=attempt, status=RunStatus.IN_PROGRESS.value)
        if is_published:
            mine = mine.filter(is_streamed=False)
        run = mine.only("account_id", "claimed_at").first()
        if run is None or run.claimed_at is None:
            return False
        RunAttempt.objects.create(
            account_id=run.account_id,
            run_id=run_id,
            number=attempt,
            worker_name=worker_name,
            started_at=run.claimed_at,
            outcome=RunAttempt.Outcome.LOST if is_lost else RunAttempt.Outcome.REQUEUED,
            upstream_request_id=cost.upstream_request_id,
            upstream_calls=cost.upstream_calls,
            usage=serialization.dump_usage(cost.usage) if cost.usage else None,
        )
        mine.update(
            status=RunStatus.QUEUED.value,
            worker=None,
            attempts_lost=F("attempts_lost") + int(is_lost),
            queued_at=Now(),
            claimed_at=None,
        )
        # At the head of the queue: it has waited for its turn once.
        broker.wake_first(run_ids=[run_id])
    return True


def finish_lost(*, run: Run, ended: RunEnded, recovered: RecoveredLog, worker_name: str) -> bool:
    """Ends a run whose worker died, with what its readers had seen. False when it was no longer that attempt's."""
    report = AttemptReport(
        worker_name=worker_name,
        answers=recovered.answers,
        log_shape=recovered.shape,
        ended=ended,
        call=recovered.call,
    )
    parameters = _end(
        run_id=run.pk,
        attempt=run.attempt,
        report=report,
        outcome=RunAttempt.Outcome.LOST,
        is_stored=run.conversation_id is not None,
    )
    return _wake_others(run.pk, _write_end(parameters, needs_report=False))


@retry_on_deadlock
def fail_refused(
    *, run_id: int, attempt: int, worker_name: str, is_lost: bool, upstream_calls: int = 0
) -> RunEnded | None:
    """Ends a run whose end the database refused: as failed, without anything that came from outside (ADR 9).

    The refused end would be refused again, and a run that does not end holds up its conversation. None when the run was
    no longer this attempt's to end. Wakes the conversation's next run.
    """
    error = errors.InternalError("The answer could not be stored.")
    with transaction.atomic():
        conversations.lock_of(run_id=run_id)
        mine = Run.objects.select_for_update(no_key=True).filter(
            pk=run_id, attempt=attempt, status=RunStatus.IN_PROGRESS.value
        )
        run = mine.only("account_id", "claimed_at", "conversation_id").first()
        if run is None or run.claimed_at is None:
            return None
        _write_failure(run_id, error)
        row = RunAttempt(
            account_id=run.account_id,
            run_id=run_id,
            number=attempt,
            worker_name=worker_name,
            started_at=run.claimed_at,
            outcome=RunAttempt.Outcome.LOST if is_lost else RunAttempt.Outcome.FAILED,
            upstream_calls=upstream_calls,
            error_code=error.code,
        )
        one_by_one.try_in_savepoint("attempt", str(run_id), lambda: row.save(force_insert=True))
        notify.try_report_end(run_id=run_id)
        if run.conversation_id is not None:
            conversations.wake_next(conversation_id=run.conversation_id)
        fair_shares.wake_held()
    return RunEnded(RunStatus.FAILED, error_code=error.code, error_message=error.message)


def _write_failure(run_id: int, error: errors.ParleyError) -> None:
    Run.objects.filter(pk=run_id).update(
        status=RunStatus.FAILED.value,
        finished_at=Now(),
        worker=None,
        error_code=error.code,
        error_message=error.message,
    )


@retry_on_deadlock
def fail_queued(*, run_id: int, error: errors.ParleyError) -> bool:
    """Ends, as failed, a run that no worker has claimed, and notifies its readers. Wakes the conversation's next run.

    False when the run is not waiting any more.
    """
    with transaction.atomic():
        conversations.lock_of(run_id=run_id)
        waiting = Run.objects.select_for_update(no_key=True).filter(pk=run_id, status=RunStatus.QUEUED.value)
        found = waiting.values_list("channel", "conversation_id").first()
        if found is None:
            return False
        channel, conversation_id = found
        _write_failure(run_id, error)
        notify.try_report_end(run_id=run_id)
        if conversation_id is not None:
            conversations.wake_next(conversation_id=conversation_id)
    publish.notify_readers(redis_clients.client(), channel=channel)
    return True
