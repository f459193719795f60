"""Accepting a request: the one way in which a run comes to be.

A request without preconditions that is no task is one statement, and no transaction is opened for it. All others take
several, in one transaction: a refused request leaves neither a row nor an idempotency key behind.
"""

from dataclasses import dataclass, replace
from typing import Any

import orjson
from django.db import transaction

from conversations import broker, errors
from conversations.dialects import registry
from conversations.models import Conversation, Run
from conversations.queries.conversations import threads
from conversations.rules.conversations import resent_history
from conversations.services.accounts import quotas
from conversations.services.runs import cancel, fair_shares, idempotency, notify, records, sql, tasks
from conversations.services.transactions import retry_on_deadlock
from conversations.values.callers import Caller
from conversations.values.requests import NewRun, NewTask, OnBusy, Preconditions, RunRequest
from conversations.values.runs import ACTIVE, RunStatus
from providers.messages import Role

UNCONDITIONAL = Preconditions()


@dataclass(frozen=True, slots=True)
class AcceptedRun:
    """A run that is in the database and will end by itself. `public_id` is what callers see.

    It is not new when it was accepted earlier, under the same idempotency key.
    """

    pk: int
    public_id: str
    is_new: bool = True


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

    Raises, and then nothing was written: QuotaExceeded for a new conversation or key beyond the account's number;
    Duplication for a key that was used with another body; ConversationBusy for a request that is not to wait;
    ConversationDeleted for an id with a tombstone; InvalidRequest for messages that the conversation has already;
    RateLimited when too many runs of the account wait; ServiceUnavailable when they have waited too long, or when the
    database came to the request too late.
    """
    may_conflict = request.is_stored and preconditions.on_busy is not OnBusy.QUEUE
    if not (preconditions.idempotency_key or may_conflict or task):
        return _insert_run(request, caller=caller, run=run)
    with transaction.atomic():
        if preconditions.idempotency_key:
            earlier = idempotency.take_key(preconditions, caller=caller)
            if earlier is not None:
                return AcceptedRun(pk=earlier.pk, public_id=earlier.public_id, is_new=False)
        if may_conflict:
            _resolve_conflict(request, preconditions.on_busy, account_id=caller.account_id)
        accepted = _insert_run(request, caller=caller, run=run)
        if task:
            tasks.create(task, request, account_id=caller.account_id, run_id=accepted.pk, trace_id=run.trace_id)
        if preconditions.idempotency_key:
            idempotency.assign_key(preconditions, account_id=caller.account_id, run_id=accepted.pk)
    return accepted


def _resolve_conflict(request: RunRequest, on_busy: OnBusy, *, account_id: int) -> None:
    """Locks the conversation, so that no other run begins in it. Raises ConversationBusy, or stops its active runs."""
    conversations = Conversation.objects.for_account(account_id).select_for_update(no_key=True)
    conversation = conversations.filter(public_id=request.conversation_id).first()
    if conversation is None:
        return
    active = list(Run.objects.filter(conversation=conversation, status__in=ACTIVE).order_by("pk"))
    if active and on_busy is OnBusy.REJECT:
        raise _busy_with(active[0])
    # Now only the new run can wait. It is woken when it is accepted, and again by the end of the run in progress, if
    # there is one.
    for run in active:
        cancel.stop(run)


def _busy_with(run: Run) -> errors.ConversationBusy:
    state = "being answered" if run.status == RunStatus.IN_PROGRESS.value else "waiting"
    path = f"/api/v1/runs/{run.public_id}"
    links = {"run": path, "stream": f"{path}/stream", "cancel": f"{path}/cancel"}
    return errors.ConversationBusy(
        f"The conversation is busy: run {run.public_id} is {state}.",
        details={"run_id": run.public_id, "links": links},
    )


def _insert_run(request: RunRequest, *, caller: Caller, run: NewRun) -> AcceptedRun:
    if request.is_stored and not caller.may_begin_conversations:
        quotas.check_known_conversation(account_id=caller.account_id, conversation_id=request.conversation_id)
    after = None
    if request.may_repeat_history:
        request, after = _without_history(request, account_id=caller.account_id)
    parameters = _parameters(request, caller=caller, run=run)
    if request.is_stored:
        row = _insert_stored(parameters | _conversation_parameters(request, after=after))
    else:
        row = _insert(sql.START_UNSTORED, parameters)
    if row["id"] is None:
        raise errors.ConversationDeleted
    if row["is_held"]:
        # Other runs of its account wait before it. If there is room after all, the oldest of them goes first.
        fair_shares.wake_held()
    else:
        broker.wake_run(run_id=row["id"])
    return AcceptedRun(pk=row["id"], public_id=run.run_id)


def _without_history(request: RunRequest, *, account_id: int) -> tuple[RunRequest, int | None]:
    """The request with only the messages that are new to its conversation, and the id of the message they follow.

    None: they follow the head, wherever that is when the run is claimed; another run may be in progress.
    Raises InvalidRequest when none is new.
    """
    if all(message.role is not Role.ASSISTANT for message in request.messages):
        return request, None
    thread = threads.read(account_id=account_id, conversation_id=request.conversation_id)
    if not thread.is_whole:
        with transaction.atomic():
            thread = threads.with_older(thread)
    found = resent_history.recognise(request.messages, known=thread.messages, head=thread.head)
    if found.new_from == len(request.messages):
        raise errors.InvalidRequest("messages holds nothing that is new to the conversation", param="messages")
    return replace(request, messages=request.messages[found.new_from :]), found.after


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
        "after": after,
        "messages": records.dump_new_messages(request.messages),
        "references": orjson.dumps(references).decode(),
    }


def _insert_stored(parameters: dict[str, Any]) -> dict[str, Any]:
    """In a transaction only for a new conversation that is to be reported to an endpoint."""
    row = _insert(sql.START_STORED, {**parameters, "is_reported": False})
    if row["needs_report"]:
        with transaction.atomic():
            row = _insert(sql.START_STORED, {**parameters, "is_reported": True})
            if row["is_new"]:
                notify.report_conversation(conversation_id=row["conversation_id"])
    return row


def _insert(statement: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The statement's row. Raises the error of `fair_shares.refusal` when the account may have no further run now."""
    row = sql.fetch_one(statement, parameters)
    if (refusal := fair_shares.refusal(row)) is not None:
        raise refusal
    return row
