"""Accepting a turn under conditions: an idempotency key, or a caller who will not wait for a busy conversation.

Without conditions a turn is one statement (`runs.start`); with them it is a few, in one transaction, so that a
refused turn leaves neither a row nor a key behind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.db import connection, transaction

from conversations import errors
from conversations.models import Conversation, IdempotencyKey, Run
from conversations.services.accounts import quotas
from conversations.services.runs import cancel
from conversations.services.runs.rows import AcceptedRun
from conversations.services.transactions import retry_on_deadlock
from conversations.values.runs import ACTIVE, RunStatus

KEY_LIFETIME = timedelta(hours=24)

# A key is free again once it has expired, or its turn has failed.
TAKE_KEY = """
INSERT INTO conversations_idempotencykey AS k (account_id, key, body_hash)
VALUES (%(account_id)s, %(key)s, %(body_hash)s)
ON CONFLICT (account_id, key) DO UPDATE SET body_hash = EXCLUDED.body_hash, run_id = NULL, created_at = now()
WHERE k.created_at < statement_timestamp() - %(lifetime)s::interval
   OR (SELECT status FROM conversations_run r WHERE r.id = k.run_id) = 'failed'
RETURNING id
"""


class OnBusy(StrEnum):
    """What becomes of a message whose conversation is busy: `X-On-Busy`."""

    QUEUE = "queue"
    REJECT = "reject"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Conditions:
    """`conversation_id` is the public id of the conversation the turn is stored in, if it is."""

    account_id: int
    conversation_id: str | None
    idempotency_key: str
    body_hash: bytes
    on_busy: OnBusy
    may_take_key: bool = True

    @property
    def are_none(self) -> bool:
        return not self.idempotency_key and (self.on_busy is OnBusy.QUEUE or self.conversation_id is None)


def accept(*, conditions: Conditions, start: Callable[[], AcceptedRun]) -> AcceptedRun | Run:
    """The new run; or, for a key that was used with the same body, the run it began then.

    Raises QuotaExceeded for a new key when no more may be taken, Duplication for a key used with another body,
    ConversationBusy for a turn that will not wait, and what `start` raises.
    """
    return start() if conditions.are_none else _accept(conditions, start)


@retry_on_deadlock
def _accept(conditions: Conditions, start: Callable[[], AcceptedRun]) -> AcceptedRun | Run:
    with transaction.atomic():
        if (earlier := _take_key(conditions)) is not None:
            return earlier
        _resolve_conflict(conditions)
        run = start()
        if conditions.idempotency_key:
            taken = IdempotencyKey.objects.for_account(conditions.account_id).filter(key=conditions.idempotency_key)
            taken.update(run=run.pk)
    return run


def _take_key(conditions: Conditions) -> Run | None:
    """None when the key is ours now, or when there is none. A request with the same key at this moment waits here."""
    if not conditions.idempotency_key:
        return None
    if not conditions.may_take_key:
        quotas.check_known_idempotency_key(account_id=conditions.account_id, idempotency_key=conditions.idempotency_key)
    parameters: dict[str, Any] = {
        "account_id": conditions.account_id,
        "key": conditions.idempotency_key,
        "body_hash": conditions.body_hash,
        "lifetime": KEY_LIFETIME,
    }
    with connection.cursor() as cursor:
        cursor.execute(TAKE_KEY, parameters)
        if cursor.fetchone() is not None:
            return None
    taken = IdempotencyKey.objects.for_account(conditions.account_id).select_related("run__conversation")
    known = taken.get(key=conditions.idempotency_key)
    if bytes(known.body_hash) != conditions.body_hash or known.run is None:
        raise errors.Duplication
    earlier: Run = known.run
    return earlier


def _resolve_conflict(conditions: Conditions) -> None:
    """Under the conversation's lock nobody else can begin a run in it."""
    if conditions.on_busy is OnBusy.QUEUE or conditions.conversation_id is None:
        return
    conversations = Conversation.objects.for_account(conditions.account_id).select_for_update(no_key=True)
    conversation = conversations.filter(public_id=conditions.conversation_id).first()
    if conversation is None:
        return
    active = list(Run.objects.filter(conversation=conversation, status__in=ACTIVE).order_by("pk"))
    if active and conditions.on_busy is OnBusy.REJECT:
        raise _busy_with(active[0])
    # Nobody waits any more, so nobody is woken: the new run by its start, or by the end of the one in progress.
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
