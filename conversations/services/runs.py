"""The life of a run's row: accepted, claimed by a worker, finished or put back. Only this module changes it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from conversations import broker, errors, ids
from conversations.models import Run, RunAttempt
from conversations.models.runs import ACTIVE, TERMINAL
from conversations.relay import codec
from conversations.relay.recover import LostLog
from conversations.rules.run_states import Finish
from conversations.services import run_records, run_sql
from conversations.turns import RunEnded, RunStatus, TurnRequest
from providers import serialization, tokens
from providers.assembly import Answer


@dataclass(frozen=True, slots=True)
class AcceptedRun:
    """A run that is in the database and will end by itself. `public_id` is what callers see."""

    pk: int
    public_id: str
    conversation_id: str
    is_stored: bool


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run that is this worker's to answer, with all it needs to do so.

    The JSON is read later (`run_records.load_material`): what cannot be read must not keep a claimed run from ending.
    """

    pk: int
    public_id: str
    channel: str
    account_id: int
    attempt: int
    attempts_lost: int
    model: str
    context_window: int
    preset_text: str
    is_streamed: bool
    is_stored: bool
    request_json: str
    parameters_json: str
    history_json: str


@dataclass(frozen=True, slots=True)
class AttemptReport:
    """What an attempt leaves behind. Times are aware; `answers` may be partial."""

    worker_name: str
    answers: tuple[Answer, ...]
    log_shape: Sequence[codec.Shape]
    ended: RunEnded
    first_token_at: datetime | None = None
    upstream_request_id: str = ""
    upstream_calls: int = 0


def start(
    *,
    account_id: int,
    api_key_id: int | None,
    turn: TurnRequest,
    run_id: str,
    channel: str,
    trace_id: uuid.UUID,
    context_window: int,
    is_streamed: bool,
) -> AcceptedRun:
    """Accepts a turn: its conversation, messages, references and run are written together, then a worker is woken.

    Raises ConversationDeleted when the id has a tombstone; then nothing was written.
    """
    parameters = {
        "account_id": account_id,
        "api_key_id": api_key_id,
        "run_public_id": run_id,
        "channel": channel,
        "trace_id": trace_id,
        "dialect": turn.dialect.value,
        "model": turn.model,
        "context_window": context_window,
        "request": run_records.dump_request(turn),
        "preset": turn.preset,
        "is_streamed": is_streamed,
    }
    if turn.is_stored:
        parameters["conversation_id"] = turn.conversation_id
        parameters["messages"] = run_records.dump_new_messages(turn.messages)
        parameters["references"] = orjson.dumps(
            [{"kind": given.kind, "content": given.content, "name": given.name} for given in turn.references]
        ).decode()
    row = run_sql.fetch_one(run_sql.START_STORED if turn.is_stored else run_sql.START_UNSTORED, parameters)
    if row is None:
        raise errors.ConversationDeleted
    broker.wake_run(run_id=row["id"])
    return AcceptedRun(pk=row["id"], public_id=run_id, conversation_id=turn.conversation_id, is_stored=turn.is_stored)


def claim(*, run_id: int, worker_id: int) -> ClaimedRun | None:
    """Takes the run for this worker, or None when it is not to be had: taken, ended, or not its turn yet."""
    try:
        row = run_sql.fetch_one(run_sql.CLAIM, {"run_id": run_id, "worker_id": worker_id})
    except IntegrityError:
        # Another run of the conversation was claimed at this very moment; its end wakes this one.
        return None
    if row is None:
        return None
    return ClaimedRun(
        pk=row["id"],
        public_id=row["public_id"],
        channel=row["channel"],
        account_id=row["account_id"],
        attempt=row["attempt"],
        attempts_lost=row["attempts_lost"],
        model=row["model"],
        context_window=row["context_window"],
        preset_text=row["preset_text"],
        is_streamed=row["is_streamed"],
        is_stored=row["conversation_id"] is not None,
        request_json=row["request"] or "",
        parameters_json=row["parameters"] or "{}",
        history_json=row["history"] or "[]",
    )


def finish(*, run: ClaimedRun, report: AttemptReport) -> bool:
    """Ends the run with what the attempt brought; the conversation moves on when there is text to move on to.

    False when the run was no longer this attempt's to end; then nothing changed. Wakes the next run in line.
    """
    return _finish(run_id=run.pk, attempt=run.attempt, report=report, outcome=report.ended.status.value)


def _finish(*, run_id: int, attempt: int, report: AttemptReport, outcome: str) -> bool:
    ended = report.ended
    keeps_thread = ended.status is RunStatus.FAILED
    row = run_sql.fetch_one(
        run_sql.FINISH,
        {
            "run_id": run_id,
            "attempt": attempt,
            "status": ended.status.value,
            "answer": orjson.dumps(dump_answers(report.answers, report.log_shape)).decode() if report.answers else None,
            "usage": orjson.dumps(serialization.dump_usage(ended.usage)).decode() if ended.usage else None,
            "error_code": ended.error_code,
            "error_message": ended.error_message,
            "first_token_at": report.first_token_at,
            "worker_name": report.worker_name,
            "outcome": outcome,
            "upstream_request_id": report.upstream_request_id,
            "upstream_calls": report.upstream_calls,
            "messages": "[]" if keeps_thread else _dump_answer_rows(report.answers),
        },
    )
    if row is None:
        return False
    if row["conversation_id"] is not None and row["latest_run_id"] != run_id:
        wake_next(conversation_id=row["conversation_id"])
    return True


def dump_answers(answers: tuple[Answer, ...], log_shape: Sequence[codec.Shape]) -> dict[str, Any]:
    """`log` says how the answer was cut into events, so that a reader can resume at any of them for ever."""
    return {
        "version": run_records.RECORD_VERSION,
        "choices": [
            {
                "index": answer.choice,
                "parts": serialization.dump_parts(answer.parts),
                "finish_reason": answer.finish_reason,
            }
            for answer in answers
        ],
        "log": log_shape,
    }


def _dump_answer_rows(answers: tuple[Answer, ...]) -> str:
    """The assistant messages FINISH inserts: only choices that say something."""
    return orjson.dumps(
        [
            {
                "public_id": ids.new_message_id(),
                "parts": serialization.dump_parts(answer.parts),
                "metadata": None,
                "choice": answer.choice,
                "tokens": tokens.estimate_parts(answer.parts),
            }
            for answer in answers
            if answer.parts
        ]
    ).decode()


def open_as_stream(*, account_id: int, run_id: str) -> None:
    """Marks a run that has not ended as one whose text somebody sees: from now on it is not begun anew.

    Not one that only its asker may read; that one has said by asking whether it is a stream.
    """
    is_shared = Q(conversation__isnull=False) | Q(idempotency_keys__isnull=False)
    active = Run.objects.for_account(account_id).filter(public_id=run_id, status__in=ACTIVE, is_streamed=False)
    active.filter(is_shared).update(is_streamed=True)


def forget(*, run_id: int) -> None:
    """Erases request and answer of a run that nothing stores, once its reader has them or has left."""
    Run.objects.filter(pk=run_id, conversation=None, status__in=TERMINAL, idempotency_keys=None).update(
        request=None, answer=None, preset_text=None
    )


def wake_next(*, conversation_id: int) -> None:
    """Wakes the run that has waited longest in the conversation, if any waits."""
    waiting = Run.objects.filter(conversation=conversation_id, status=RunStatus.QUEUED.value).order_by("pk")
    if (pk := waiting.values_list("pk", flat=True).first()) is not None:
        broker.wake_run(run_id=pk)


def is_cancel_requested(*, run_id: int) -> bool:
    return Run.objects.filter(pk=run_id, cancel_requested_at__isnull=False).exists()


def put_back(*, run_id: int, attempt: int, worker_name: str, is_lost: bool, is_published: bool) -> bool:
    """Back to the queue, to be begun anew under the next attempt number, so that nothing of this one counts.

    `is_lost`: its worker died, which a run survives a bounded number of times; a drained run loses nothing. False
    when it is not this attempt's any more, or when text of it was published and a stream was opened meanwhile.
    """
    with transaction.atomic():
        mine = Run.objects.select_for_update().filter(pk=run_id, attempt=attempt, status=RunStatus.IN_PROGRESS.value)
        if is_published:
            mine = mine.filter(is_streamed=False)
        claimed_at = mine.values_list("claimed_at", flat=True).first()
        if claimed_at is None:
            return False
        RunAttempt.objects.create(
            run_id=run_id,
            number=attempt,
            worker_name=worker_name,
            started_at=claimed_at,
            outcome=RunAttempt.Outcome.LOST if is_lost else RunAttempt.Outcome.REQUEUED,
        )
        mine.update(
            status=RunStatus.QUEUED.value,
            worker=None,
            attempts_lost=F("attempts_lost") + int(is_lost),
            queued_at=Now(),
            woken_at=Now(),
            claimed_at=None,
        )
        broker.wake_run(run_id=run_id)
    return True


def end_lost(*, run: Run, verdict: Finish, lost: LostLog, worker_name: str) -> bool:
    """Ends a run whose worker died, with what its readers had seen; False when it was no longer that attempt's."""
    ended = RunEnded(verdict.status, error_code=verdict.error_code, error_message=verdict.error_message)
    report = AttemptReport(worker_name=worker_name, answers=lost.answers, log_shape=lost.shape, ended=ended)
    return _finish(run_id=run.pk, attempt=run.attempt, report=report, outcome=RunAttempt.Outcome.LOST)


def end_waiting(*, run_id: int, error: errors.ParleyError) -> bool:
    """Ends a run that no worker has claimed."""
    changed = Run.objects.filter(pk=run_id, status=RunStatus.QUEUED.value).update(
        status=RunStatus.FAILED.value, finished_at=Now(), error_code=error.code, error_message=error.message
    )
    return bool(changed)
