"""A run's row until it is worked on: accepted, claimed by a worker. How it ends: `run_ends`."""

import uuid
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import transaction

from conversations import broker, errors
from conversations.services.accounts import quotas
from conversations.services.runs import continuing, fair_shares, notify, records, sql
from conversations.services.transactions import retry_on_deadlock
from conversations.values.requests import RunRequest


@dataclass(frozen=True, slots=True)
class AcceptedRun:
    """A run that is in the database and will end by itself. `public_id` is what callers see."""

    pk: int
    public_id: str
    conversation_id: str
    is_stored: bool


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
        quotas.check_begun(account_id=account_id, conversation_id=turn.conversation_id)
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
