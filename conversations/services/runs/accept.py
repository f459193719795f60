"""Accepting a request: the one way in which a run comes to be.

A request without preconditions that is no task is one statement, and no transaction is opened for it. All others take
several, in one transaction: a refused request leaves neither a row nor an idempotency key behind.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
from django.conf import settings
from django.db import IntegrityError, transaction

from conversations import broker, errors, ids
from conversations.dialects import registry
from conversations.models import ActiveRun, Conversation
from conversations.models.money.balances import NO_CALLS_LEFT, OVERDRAWN
from conversations.queries.conversations import threads
from conversations.rules.conversations import resent_history
from conversations.rules.conversations.resent_history import Continuation
from conversations.services.accounts import quotas
from conversations.services.money import reservations
from conversations.services.runs import cancel, fair_shares, idempotency, notify, records, sql, tasks
from conversations.services.runs.sql.start import StartOutcome
from conversations.services.runs.tools import asked
from conversations.services.transactions import retry_on_deadlock
from conversations.services.visitors import turns
from conversations.stores import refusals, statements
from conversations.stores.statements import Numbered
from conversations.values.callers import Caller
from conversations.values.requests import NewRun, NewTask, OnBusy, Preconditions, RunRequest
from conversations.values.runs import RunStatus

UNCONDITIONAL = Preconditions()
# When a request that was refused because of others that wait may be sent again.
RETRY_SECONDS = 5.0
# How long after its acceptance the content of a run that is not stored stays, unless its reader has it erased before.
KEEP_UNREAD = timedelta(seconds=600)
# The same where an idempotency key or a task refers to it: as long as those live.
KEEP_REFERRED = max(idempotency.KEY_LIFETIME, tasks.TASK_LIFETIME)
# How often a turn is begun at most when others make its visitor or its thread, or somebody deletes that, meanwhile.
TRIES = 4

# The constraints of a balance, and what breaking them means.
USED_UP: dict[str, type[errors.ParleyError]] = {OVERDRAWN: errors.BalanceUsedUp, NO_CALLS_LEFT: errors.CallsUsedUp}


@dataclass(frozen=True, slots=True)
class AcceptedRun:
    """A run that is in the database and will end by itself. `public_id` is what callers see.

    It is not new when it was accepted earlier, under the same idempotency key. `conversation_id`, of a new one: the
    conversation that it belongs to. For a visitor's thread that may be another one than its request named.
    """

    pk: int
    public_id: str
    is_new: bool = True
    conversation_id: str = ""


@retry_on_deadlock
def accept(
    request: RunRequest,
    preconditions: Preconditions = UNCONDITIONAL,
    task: NewTask | None = None,
    *,
    caller: Caller,
    run: NewRun,
) -> AcceptedRun:
    """Writes the conversation, messages, references and run together, and wakes a worker.

    For an idempotency key that was used with the same body: the run that was accepted then.

    Raises, and then nothing was written: QuotaExceeded for a new conversation, key or visitor beyond the account's
    number; Duplication for a key that was used with another body; ConversationBusy for a request that is not to wait;
    ConversationDeleted for an id with a tombstone; InvalidRequest for messages that the conversation has already;
    RateLimited when too many runs of the account wait; ServiceUnavailable when they have waited too long, or when the
    database came to the request too late; BalanceUsedUp, CallsUsedUp, CostLimitReached and ModelNotPriced for a metered
    account.
    """
    if request.context is not None:
        asked.check(request, account_id=caller.account_id)
    may_conflict = request.is_stored and preconditions.on_busy is not OnBusy.QUEUE
    # Before the transaction: nobody waits behind its locks for what a long history takes.
    known = recognised(request, account_id=caller.account_id)
    is_together = preconditions.idempotency_key or may_conflict or task
    for _ in range(TRIES):
        try:
            if is_together:
                return _accept_together(request, known, preconditions, task, caller=caller, run=run)
            return _insert_run(
                request, known, caller=caller, run=run, keep=KEEP_UNREAD, max_cost=preconditions.max_cost
            )
        except turns.MadeMeanwhile:
            continue
        except errors.ConversationDeleted:
            if not request.is_thread:
                raise
            # The thread was deleted while its turn waited for it: the visitor gets a new one.
            request = replace(request, conversation_id=ids.new_conversation_id(), begins_conversation=True)
    raise errors.ServiceUnavailable(retry_after=RETRY_SECONDS)


def _accept_together(
    request: RunRequest,
    known: Continuation | None,
    preconditions: Preconditions,
    task: NewTask | None,
    *,
    caller: Caller,
    run: NewRun,
) -> AcceptedRun:
    """In one transaction, with everything that the run is accepted with. Raises as `accept` does."""
    keep = KEEP_REFERRED if preconditions.idempotency_key or task else KEEP_UNREAD
    with transaction.atomic():
        if preconditions.idempotency_key:
            earlier = idempotency.take_key(preconditions, caller=caller)
            if earlier is not None:
                return AcceptedRun(pk=earlier.pk, public_id=earlier.public_id, is_new=False)
        head = known.head if known else None
        if may_conflict := request.is_stored and preconditions.on_busy is not OnBusy.QUEUE:
            request = turns.in_thread(request, caller=caller)
            head = _resolve_conflict(request, preconditions.on_busy, account_id=caller.account_id)
        if known and known.head != head:
            # A turn ended before the conversation was locked.
            known = recognised(request, account_id=caller.account_id)
        accepted = _insert_run(request, known, caller=caller, run=run, keep=keep, max_cost=preconditions.max_cost)
        if may_conflict and accepted.conversation_id != request.conversation_id:
            # Another turn made the thread after the look for it: nobody has asked whether that one is busy.
            raise turns.MadeMeanwhile
        if task:
            request = replace(request, conversation_id=accepted.conversation_id)
            tasks.create(task, request, account_id=caller.account_id, run_id=accepted.pk, trace_id=run.trace_id)
        if preconditions.idempotency_key:
            idempotency.assign_key(preconditions, account_id=caller.account_id, run_id=accepted.pk)
    return accepted


def _resolve_conflict(request: RunRequest, on_busy: OnBusy, *, account_id: int) -> int | None:
    """Locks the conversation, so that no other run begins in it, and returns its head.

    Raises ConversationBusy, or stops its active runs, if there are not too many to report.
    """
    conversations = Conversation.objects.for_account(account_id).select_for_update(no_key=True)
    conversation = conversations.filter(public_id=request.conversation_id).first()
    if conversation is None:
        return None
    if on_busy is OnBusy.REJECT:
        active = ActiveRun.objects.filter(conversation=conversation).with_runs().order_by("pk").first()
        if active is not None:
            raise busy_with(active)
        return conversation.head_id
    # Now only the new run can wait. It is woken when it is accepted, and again by the end of the run in progress, if
    # there is one.
    cancel.stop_all(account_id=account_id, conversation_id=conversation.pk)
    return conversation.head_id


def _waiting(request: RunRequest, *, account_id: int) -> ActiveRun | None:
    """The run of its conversation that waits for an approval, if one does."""
    if not request.is_stored:
        return None
    conversations = Conversation.objects.for_account(account_id).filter(public_id=request.conversation_id)
    active = ActiveRun.objects.for_account(account_id).filter(conversation__in=conversations).with_runs()
    return next((one for one in active.order_by("pk") if one.status == RunStatus.REQUIRES_ACTION.value), None)


STATES = {
    RunStatus.QUEUED.value: "waiting",
    RunStatus.IN_PROGRESS.value: "being answered",
    RunStatus.REQUIRES_ACTION.value: "waiting for an approval",
}


def busy_with(active: ActiveRun) -> errors.ConversationBusy:
    run = active.run
    state = STATES[active.status]
    path = f"/api/v1/runs/{run.public_id}"
    links = {"run": path, "stream": f"{path}/stream", "cancel": f"{path}/cancel"}
    return errors.ConversationBusy(
        f"The conversation is busy: run {run.public_id} is {state}.",
        details={"run_id": run.public_id, "links": links},
    )


def _insert_run(
    request: RunRequest,
    known: Continuation | None,
    *,
    caller: Caller,
    run: NewRun,
    keep: timedelta,
    max_cost: Decimal | None,
) -> AcceptedRun:
    if request.is_stored and not caller.may_begin_conversations:
        named = turns.in_thread(request, caller=caller).conversation_id
        quotas.check_known_conversation(account_id=caller.account_id, conversation_id=named)
    if known:
        request = without_known(request, known)
    money = reservations.for_request(request, metering=caller.metering, max_cost=max_cost)
    parameters = _parameters(request, caller=caller, run=run) | (money or {})
    is_assisted = turns.is_assisted(request)
    if is_assisted:
        parameters |= turns.parameters(request, caller=caller)
    statement = sql.start(is_stored=request.is_stored, is_metered=money is not None, is_assisted=is_assisted)
    if request.is_stored:
        parameters |= _conversation_parameters(request, after=known.after if known else None)
        # Whether a thread is new the statement finds out.
        needs_report = request.begins_conversation and caller.has_endpoints and not request.is_thread
        row = _insert_stored(statement, parameters, needs_report=needs_report)
        request = replace(request, conversation_id=row.get("public_id", request.conversation_id))
    else:
        row = _start(statement, {**parameters, "keep": keep})
    _check(StartOutcome(row["outcome"]), request, caller=caller)
    if row["is_held"]:
        # Other runs of its account wait before it. If there is room after all, the oldest of them goes first.
        fair_shares.wake_held()
    else:
        broker.wake_run(account_id=caller.account_id, run_id=row["run_id"])
    return AcceptedRun(pk=row["run_id"], public_id=run.run_id, conversation_id=request.conversation_id)


def _is_deleted(request: RunRequest, *, account_id: int) -> bool:
    """Whether the conversation was deleted while START waited for its row: it still saw the one before."""
    if not request.is_stored:
        return False
    conversations = Conversation.objects.for_account(account_id).filter(public_id=request.conversation_id)
    return conversations.filter(deleted_at__isnull=False).exists()


def _check(outcome: StartOutcome, request: RunRequest, *, caller: Caller) -> None:
    """Raises the error of a turn that was refused."""
    if outcome is StartOutcome.LATE and _is_deleted(request, account_id=caller.account_id):
        outcome = StartOutcome.DELETED
    if outcome is StartOutcome.LATE and (waiting := _waiting(request, account_id=caller.account_id)):
        raise busy_with(waiting)
    match outcome:
        case StartOutcome.LATE:
            raise errors.ServiceUnavailable(retry_after=RETRY_SECONDS)
        case StartOutcome.FULL:
            crowd = f"{settings.MAX_QUEUED_RUNS} questions of this account wait already."
            raise errors.RateLimited(crowd, retry_after=RETRY_SECONDS)
        case StartOutcome.SLOW:
            waited = f"Questions of this account have waited for more than {settings.REFUSE_AFTER_WAIT:g} s."
            raise errors.ServiceUnavailable(waited, retry_after=RETRY_SECONDS)
        case StartOutcome.DELETED:
            raise errors.ConversationDeleted
        case StartOutcome.NO_MONEY:
            raise errors.BalanceUsedUp
        case StartOutcome.NO_CALLS:
            raise errors.CallsUsedUp
        case StartOutcome.NO_VISITOR if request.visitor:
            raise turns.refusal(request.visitor, caller=caller)


def recognised(request: RunRequest, *, account_id: int) -> Continuation | None:
    """What of the request is new to its conversation, and the id of the message that it follows (`after`).

    None in `after`: it follows the head, wherever that is when the run is claimed; another run may be in progress.
    None when nothing can be known.
    """
    if not (request.may_repeat_history and resent_history.has_answer(request.messages)):
        return None
    return threads.recognise(request.messages, account_id=account_id, conversation_id=request.conversation_id)


def without_known(request: RunRequest, known: Continuation) -> RunRequest:
    """Raises InvalidRequest when no message is new."""
    if known.new_from == len(request.messages):
        raise errors.InvalidRequest("messages holds nothing that is new to the conversation", param="messages")
    return replace(request, messages=request.messages[known.new_from :], skipped=request.skipped + known.new_from)


def _parameters(request: RunRequest, *, caller: Caller, run: NewRun) -> dict[str, Any]:
    """What START_STORED and START_UNSTORED both take."""
    return {
        "account_id": caller.account_id,
        "api_key_id": caller.api_key_id,
        "run_public_id": run.run_id,
        "channel": run.channel,
        "trace_id": run.trace_id,
        "dialect": registry.get(request.dialect).name,
        "model": request.model,
        "context_window": run.context_window,
        "request": records.dump_request(request),
        "preset": request.preset,
        "is_streamed": run.is_streamed,
        "until": sql.latest_moment(),
        **fair_shares.accept_limits(),
    }


def _conversation_parameters(request: RunRequest, *, after: int | None) -> dict[str, Any]:
    """What START_STORED takes besides."""
    references = [{"kind": given.kind, "content": given.content, "name": given.name} for given in request.references]
    return {
        "conversation_id": request.conversation_id,
        "locked_until": sql.latest_moment(is_locked=True),
        "after": after,
        "messages": records.dump_new_messages(request.messages),
        "references": orjson.dumps(references).decode(),
    }


def _start(statement: str | Numbered, parameters: dict[str, Any]) -> dict[str, Any]:
    """The statement's row. Raises BalanceUsedUp or CallsUsedUp for what other turns took at the same moment, and
    turns.MadeMeanwhile.
    """
    try:
        return statements.fetch_one(statement, parameters)
    except IntegrityError as exc:
        broken = refusals.constraint(exc)
        if broken in turns.RACES:
            raise turns.MadeMeanwhile from exc
        if broken not in USED_UP:
            raise
        raise USED_UP[broken] from exc


def _insert_stored(statement: str | Numbered, parameters: dict[str, Any], *, needs_report: bool) -> dict[str, Any]:
    """In a transaction only for a new conversation, or a new visitor, that is to be reported to an endpoint.

    `needs_report`: it is known that it is, so the statement need not be sent twice to find that out.
    """
    if not needs_report:
        row = _start(statement, {**parameters, "is_reported": False})
        if row["outcome"] != StartOutcome.NEEDS_REPORT:
            return row
    with transaction.atomic():
        row = _start(statement, {**parameters, "is_reported": True})
        if row["is_new"]:
            created = Conversation(
                pk=row["conversation_id"],
                account_id=parameters["account_id"],
                public_id=row.get("public_id", parameters["conversation_id"]),
                created_at=statements.in_utc(row["created_at"]),
            )
            notify.report_conversation(created)
        if visitor := row.get("new_visitor"):
            turns.report_new(visitor, run=parameters["run_public_id"])
    return row
