"""A run's row until it is worked on: accepted, claimed by a worker. How it ends: `run_ends`."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from conversations import broker, errors, refusals
from conversations.models import Run
from conversations.services import one_by_one
from conversations.services.accounts import quotas
from conversations.services.runs import continuing, fair_shares, notify, records, sql
from conversations.services.transactions import retry_on_deadlock
from conversations.values.requests import Dialect, RunRequest
from conversations.values.runs import ACTIVE, TERMINAL, RunStatus

# How much of its history a claim reads along. Half as many turns may have gone to other processes since this one's
# last, and no second statement is needed.
NEWEST_MESSAGES = 16
ONE_ACTIVE_RUN = "conversation_has_at_most_one_active_run"


@dataclass(frozen=True, slots=True)
class AcceptedRun:
    """A run that is in the database and will end by itself. `public_id` is what callers see."""

    pk: int
    public_id: str
    conversation_id: str
    is_stored: bool


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run that is this worker's to answer, with all it needs to do so; of the history the newest messages.

    The JSON is read later (`records`, `histories`): what cannot be read must not keep a claimed run from ending.
    """

    pk: int
    public_id: str
    channel: str
    account_id: int
    attempt: int
    attempts_lost: int
    dialect: Dialect
    model: str
    context_window: int
    preset_text: str
    is_streamed: bool
    conversation_id: int | None
    request_json: str
    parameters_json: str
    history_json: str

    @property
    def is_stored(self) -> bool:
        return self.conversation_id is not None


@retry_on_deadlock
def start(
    *,
    account_id: int,
    api_key_id: int | None,
    turn: RunRequest,
    run_id: str,
    channel: str,
    trace_id: uuid.UUID,
    context_window: int,
    is_streamed: bool,
    may_begin_conversation: bool = True,
) -> AcceptedRun:
    """Accepts a turn: its conversation, messages, references and run are written together, then a worker is woken.

    Raises QuotaExceeded for a new conversation that the account may not begin, ConversationDeleted when the id has a
    tombstone, InvalidRequest for a turn that only repeats what its conversation has, RateLimited when too many of the
    account wait, and ServiceUnavailable when they have waited too long or the database came to it too late. Then
    nothing was written.
    """
    if turn.is_stored and not may_begin_conversation:
        quotas.check_known_conversation(account_id=account_id, conversation_id=turn.conversation_id)
    after = None
    if turn.may_repeat_history:
        turn, after = continuing.without_history(turn, account_id=account_id)
    parameters: dict[str, Any] = {
        "account_id": account_id,
        "api_key_id": api_key_id,
        "run_public_id": run_id,
        "channel": channel,
        "trace_id": trace_id,
        "dialect": turn.dialect.value,
        "model": turn.model,
        "context_window": context_window,
        "request": records.dump_request(turn),
        "preset": turn.preset,
        "is_streamed": is_streamed,
        "until": sql.latest_moment(),
        **fair_shares.accept_limits(),
    }
    if turn.is_stored:
        parameters["conversation_id"] = turn.conversation_id
        parameters["after"] = after
        parameters["messages"] = records.dump_new_messages(turn.messages)
        parameters["references"] = orjson.dumps(
            [{"kind": given.kind, "content": given.content, "name": given.name} for given in turn.references]
        ).decode()
    row = _store(parameters) if turn.is_stored else _accepted(sql.START_UNSTORED, parameters)
    if row is None:
        raise errors.ConversationDeleted
    if row["is_held"]:
        # Behind others of its account: should there be room after all, the oldest of those goes first.
        fair_shares.wake_held()
    else:
        broker.wake_run(run_id=row["id"])
    return AcceptedRun(pk=row["id"], public_id=run_id, conversation_id=turn.conversation_id, is_stored=turn.is_stored)


def _store(parameters: dict[str, Any]) -> dict[str, Any] | None:
    row = _accepted(sql.START_STORED, {**parameters, "is_told": False})
    if row is not None:
        return row
    with transaction.atomic():
        row = _accepted(sql.START_STORED, {**parameters, "is_told": True})
        if row is not None and row["is_new"]:
            notify.report_conversation(conversation_id=row["conversation_id"])
    return row


def _accepted(statement: str, parameters: dict[str, Any]) -> dict[str, Any] | None:
    """The new run's row, if there is one. Raises what `fair_shares.refusal` gives as the reason that there is none."""
    row = sql.fetch_one(statement, parameters)
    if row is None or row["id"] is not None:
        return row
    if (refusal := fair_shares.refusal(row)) is not None:
        raise refusal
    return None


@retry_on_deadlock
def claim(*, run_id: int, worker_id: int) -> ClaimedRun | None:
    """Takes the run for this worker, or None when it is not to be had: taken, ended, or not its turn yet.

    One whose account has its share of the workers is held back until somebody gives up a place (`fair_shares`).
    Raises DatabaseError, also for a run that the database will never give out.
    """
    parameters = {"run_id": run_id, "worker_id": worker_id, "newest": NEWEST_MESSAGES, **fair_shares.LIMITS}
    try:
        row = sql.fetch_one(sql.CLAIM, parameters)
    except IntegrityError as exc:
        if refusals.constraint(exc) != ONE_ACTIVE_RUN:
            raise
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
        dialect=Dialect(row["dialect"]),
        model=row["model"],
        context_window=row["context_window"],
        preset_text=row["preset_text"],
        is_streamed=row["is_streamed"],
        conversation_id=row["conversation_id"],
        request_json=row["request"] or "",
        parameters_json=row["parameters"] or "{}",
        history_json=row["history"] or "[]",
    )


def open_as_stream(*, account_id: int, run_id: str, is_repeat: bool = False) -> None:
    """Marks a run that has not ended as one whose text somebody sees: from now on it is not begun anew.

    One that nothing stores is read by its asker alone, who `is_repeat` when it asks again under its key; anybody else
    is refused, and must change nothing.
    """
    active = Run.objects.for_account(account_id).filter(public_id=run_id, status__in=ACTIVE, is_streamed=False)
    (active if is_repeat else active.filter(conversation__isnull=False)).update(is_streamed=True)


@retry_on_deadlock
def forget(*, run_ids: Collection[int]) -> None:
    """Erases request and answer of runs that nothing stores, once their readers have them or have left.

    Not while an idempotency key or a task stands for them.
    """
    one_by_one.in_one("forget_runs", run_ids, _forget)


def _forget(run_ids: Collection[int]) -> None:
    unkept = Run.objects.filter(
        pk__in=run_ids, conversation=None, status__in=TERMINAL, idempotency_keys=None, task=None
    )
    unkept.update(request=None, answer=None, preset_text=None)


def wake_next(*, conversation_id: int) -> None:
    """Wakes the run that has waited longest in the conversation, if any waits."""
    waiting = Run.objects.filter(conversation=conversation_id, status=RunStatus.QUEUED.value)
    pk = waiting.order_by("pk").values_list("pk", flat=True).first()
    if pk is not None and waiting.filter(pk=pk).update(woken_at=Now()):
        broker.wake_run(run_id=pk)


def is_cancel_requested(*, run_id: int) -> bool:
    return Run.objects.filter(pk=run_id, cancel_requested_at__isnull=False).exists()
