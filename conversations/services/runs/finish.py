"""How a run leaves its attempt, or its queue: ended once and for good, or put back to start again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import orjson
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from psycopg.types.json import Jsonb

from conversations import broker, errors
from conversations.models import ActiveRun, Run, RunAttempt
from conversations.relay import codec, publish
from conversations.relay.recover import RecoveredLog
from conversations.services import conversations, one_by_one
from conversations.services.runs import ends, fair_shares, notify, records, sql
from conversations.services.runs.claim import ClaimedRun
from conversations.services.transactions import retry_on_deadlock
from conversations.stores import redis_clients, statements
from conversations.stores.statements import Numbered
from conversations.values.context.receipts import KeptContext
from conversations.values.money import Bill
from conversations.values.runs import Move, RunEnded, RunStatus
from providers import serialization
from providers.assembly import Answer
from providers.events import CallStarted
from providers.messages import Usage


class FinishOutcome(StrEnum):
    """What FINISH did. Nothing has changed unless it is `written`.

    `needs_report`: the end has to be reported to an endpoint or a callback. `not_ours`: a newer attempt or another end
    came first.
    """

    WRITTEN = "written"
    NEEDS_REPORT = "needs_report"
    NOT_OURS = "not_ours"


@dataclass(frozen=True, slots=True)
class AttemptReport:
    """What an attempt leaves behind; `answers` may be partial. `first_token_age`: how long ago the first token came.

    `usage` is the attempt's own where an earlier one took some of the run's steps; None: it is the run's.
    `bill`: what a metered account pays for it. None: nothing, and what was reserved is given back. `kept`: what the
    row keeps of the prompt.
    """

    worker_name: str
    answers: tuple[Answer, ...]
    log_shape: Sequence[codec.Shape]
    ended: RunEnded
    usage: Usage | None = None
    call: CallStarted | None = None
    first_token_age: timedelta | None = None
    upstream_request_id: str = ""
    upstream_calls: int = 0
    target: str = ""
    moves: Sequence[Move] = ()
    bill: Bill | None = None
    kept: KeptContext | None = None


@dataclass(frozen=True, slots=True)
class AttemptCost:
    """What an attempt that is put back has cost upstream. Unknown, and so empty, when its worker died."""

    upstream_request_id: str = ""
    upstream_calls: int = 0
    usage: Usage | None = None
    target: str = ""
    moves: Sequence[Move] = ()


NO_COST = AttemptCost()
NO_BILL: dict[str, Any] = {"cost": None, "explanation": None, "usage_source": ""}


def finish(*, run: ClaimedRun, report: AttemptReport) -> bool:
    """Ends the run with what the attempt brought. The conversation's head moves when there is text to move it to.

    False when the run was no longer this attempt's to end; then nothing changed. Wakes the conversation's next run.
    Raises what the database, or an encoder on the way to it, refuses; then nothing changed either (`fail_refused`).
    """
    attempt_outcome = report.ended.status.value
    parameters = _parameters(report, attempt_outcome=attempt_outcome, is_stored=run.is_stored)
    keys = {"account_id": run.account_id, "run_id": run.pk, "attempt": run.attempt}
    is_metered = run.terms is not None and run.terms.is_metered
    return _finish({**keys, **parameters}, needs_report=run.needs_report, is_metered=is_metered)


def _parameters(report: AttemptReport, *, attempt_outcome: str, is_stored: bool) -> dict[str, Any]:
    """What FINISH takes besides the run's keys and attempt."""
    ended = report.ended
    moves_thread = is_stored and ended.status is not RunStatus.FAILED
    answers = report.answers
    answer = records.dump_answers(
        answers,
        report.log_shape,
        have_messages=moves_thread,
        call=report.call,
        sourced=ended.sourced,
        kept=report.kept,
        is_stored=is_stored,
        cost=ended.cost,
    )
    usage = _usage(ended.usage)
    return {
        "ended_as": "" if ended.status is RunStatus.COMPLETED else ended.status.value,
        "answer": _large(answer) if answers or report.kept else None,
        "usage": usage,
        "attempt_usage": usage if report.usage is None else _usage(report.usage),
        "error_code": ended.error_code,
        "error_message": ended.error_message,
        "error_facts": orjson.dumps(dict(ended.error_facts)).decode() if ended.error_facts else None,
        "first_token_age": report.first_token_age,
        "worker_name": report.worker_name,
        "attempt_outcome": attempt_outcome,
        "upstream_request_id": report.upstream_request_id,
        "upstream_calls": report.upstream_calls,
        "target": report.target,
        "moves": orjson.dumps([move.as_json() for move in report.moves]).decode() if report.moves else None,
        "messages": _large(records.dump_answer_rows(answers) if moves_thread else []),
        **_bill_parameters(report.bill),
    }


def _usage(usage: Usage | None) -> str | None:
    return orjson.dumps(serialization.dump_usage(usage)).decode() if usage else None


def _bill_parameters(bill: Bill | None) -> dict[str, Any]:
    """What FINISH_METERED takes besides."""
    if bill is None:
        return NO_BILL
    explanation = orjson.dumps(bill.explanation).decode() if bill.explanation else None
    return {"cost": bill.cost, "explanation": explanation, "usage_source": bill.usage_source}


def _finish(parameters: dict[str, Any], *, needs_report: bool, is_metered: bool) -> bool:
    statement = sql.FINISH_METERED if is_metered else sql.FINISH
    row = _write_end(statement, parameters, needs_report=needs_report)
    if row["outcome"] != FinishOutcome.WRITTEN:
        return False
    if row["conversation_id"] is not None and row["latest_run_id"] != parameters["run_id"]:
        conversations.wake_next(conversation_id=row["conversation_id"])
    if row["is_anybody_held"]:
        fair_shares.wake_held()
    return True


def _large(value: Any) -> Jsonb:
    """Encoded to bytes when it is sent, without a string in between: an answer may be megabytes."""
    return Jsonb(value, dumps=orjson.dumps)


@retry_on_deadlock
def _write_end(statement: str | Numbered, parameters: dict[str, Any], *, needs_report: bool) -> dict[str, Any]:
    """In a transaction only for an end that is to be reported to an endpoint or a callback.

    `needs_report`: it is known that it is.
    """
    if not needs_report:
        row = statements.fetch_one(statement, {**parameters, "is_reported": False})
        if row["outcome"] != FinishOutcome.NEEDS_REPORT:
            return row
    with transaction.atomic():
        row = statements.fetch_one(statement, {**parameters, "is_reported": True})
        if row["outcome"] == FinishOutcome.WRITTEN:
            notify.report_end(run_id=parameters["run_id"])
    return row


@retry_on_deadlock
def requeue(
    *,
    account_id: int,
    run_id: int,
    attempt: int,
    worker_name: str,
    is_lost: bool,
    is_published: bool,
    cost: AttemptCost = NO_COST,
) -> bool:
    """Puts the run back in the queue, for its next attempt. Of this one only its `cost` is kept.

    `is_lost`: the attempt counts towards the limit of attempts that a run may lose; a drained one does not. False, and
    nothing changed, when the run is not this attempt's any more, or when text of it was published and the run has been
    opened as a stream meanwhile.
    """
    with transaction.atomic():
        conversations.lock_of(account_id=account_id, run_id=run_id)
        mine = ends.in_progress(account_id=account_id, run_id=run_id, attempt=attempt)
        if is_published:
            mine = mine.filter(is_streamed=False)
        claimed_at = mine.values_list("claimed_at", flat=True).first()
        if claimed_at is None:
            return False
        RunAttempt.objects.create(
            account_id=account_id,
            run_id=run_id,
            number=attempt,
            worker_name=worker_name,
            started_at=claimed_at,
            outcome=RunAttempt.Outcome.LOST if is_lost else RunAttempt.Outcome.REQUEUED,
            upstream_request_id=cost.upstream_request_id,
            upstream_calls=cost.upstream_calls,
            usage=serialization.dump_usage(cost.usage) if cost.usage else None,
            target=cost.target,
            moves=[move.as_json() for move in cost.moves] or None,
        )
        mine.update(
            status=RunStatus.QUEUED.value,
            worker=None,
            attempts_lost=F("attempts_lost") + int(is_lost),
            queued_at=Now(),
            claimed_at=None,
        )
        # At the head of the queue: it has waited for its turn once.
        broker.wake_first(runs=[(account_id, run_id)])
    return True


def finish_lost(*, active: ActiveRun, ended: RunEnded, recovered: RecoveredLog, worker_name: str) -> bool:
    """Ends a run whose worker died, with what its readers had seen. False when it was no longer that attempt's.

    It costs nothing: how much was used, nobody knows any more.
    """
    report = AttemptReport(
        worker_name=worker_name,
        answers=recovered.answers,
        log_shape=recovered.shape,
        ended=ended,
        call=recovered.call,
    )
    is_stored = active.conversation_id is not None
    parameters = _parameters(report, attempt_outcome=RunAttempt.Outcome.LOST, is_stored=is_stored)
    return _finish(
        {"account_id": active.account_id, "run_id": active.pk, "attempt": active.attempt, **parameters},
        needs_report=False,
        is_metered=active.reserved is not None,
    )


@retry_on_deadlock
def fail_refused(
    *, account_id: int, run_id: int, attempt: int, worker_name: str, is_lost: bool, upstream_calls: int = 0
) -> RunEnded | None:
    """Ends a run whose end the database refused: as failed, without anything that came from outside (ADR 9).

    The refused end would be refused again, and a run that does not end holds up its conversation. None when the run was
    no longer this attempt's to end. Wakes the conversation's next run.
    """
    error = errors.InternalError("The answer could not be stored.")
    with transaction.atomic():
        conversations.lock_of(account_id=account_id, run_id=run_id)
        active = ends.in_progress(account_id=account_id, run_id=run_id, attempt=attempt).first()
        if active is None or active.claimed_at is None:
            return None
        ends.without_answer(active, RunStatus.FAILED, error_code=error.code, error_message=error.message)
        row = RunAttempt(
            account_id=account_id,
            run_id=run_id,
            number=attempt,
            worker_name=worker_name,
            started_at=active.claimed_at,
            outcome=RunAttempt.Outcome.LOST if is_lost else RunAttempt.Outcome.FAILED,
            upstream_calls=upstream_calls,
            error_code=error.code,
        )
        one_by_one.try_in_savepoint("attempt", str(run_id), lambda: row.save(force_insert=True))
        notify.try_report_end(run_id=run_id)
        if active.conversation_id is not None:
            conversations.wake_next(conversation_id=active.conversation_id)
        fair_shares.wake_held()
    return RunEnded(RunStatus.FAILED, error_code=error.code, error_message=error.message)


@retry_on_deadlock
def fail_queued(*, account_id: int, run_id: int, error: errors.ParleyError) -> bool:
    """Ends, as failed, a run that no worker has claimed, and notifies its readers. Wakes the conversation's next run.

    False when the run is not waiting any more.
    """
    with transaction.atomic():
        conversations.lock_of(account_id=account_id, run_id=run_id)
        active = ends.queued(account_id=account_id, run_id=run_id).first()
        if active is None:
            return False
        ends.without_answer(active, RunStatus.FAILED, error_code=error.code, error_message=error.message)
        notify.try_report_end(run_id=run_id)
        if active.conversation_id is not None:
            conversations.wake_next(conversation_id=active.conversation_id)
        channel, public_id = Run.objects.values_list("channel", "public_id").get(pk=run_id)
    publish.notify_readers(redis_clients.client(), channels=[channel], free_places_of=[public_id])
    return True
