"""Idempotency keys: a request that is sent again under its key gets the run that was accepted the first time."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from conversations import errors
from conversations.models import IdempotencyKey, Run
from conversations.services.accounts import quotas
from conversations.values.callers import Caller
from conversations.values.requests import Preconditions
from conversations.values.runs import RunStatus

KEY_LIFETIME: timedelta = settings.KEEP["idempotency_keys"]

# Creates the key, or takes one that is free again because it has expired or its run has failed. Locks the key's row
# until the transaction ends. No row: the key belongs to an earlier request.
TAKE_KEY = """
INSERT INTO conversations_idempotencykey AS k (account_id, key, body_hash)
VALUES (%(account_id)s, %(key)s, %(body_hash)s)
ON CONFLICT (account_id, key) DO UPDATE SET body_hash = EXCLUDED.body_hash, run_id = NULL, created_at = now()
WHERE k.created_at < statement_timestamp() - %(lifetime)s::interval
   OR (SELECT ended_as FROM conversations_run r WHERE r.id = k.run_id AND r.account_id = k.account_id) = 'failed'
RETURNING id
"""


def take_key(preconditions: Preconditions, *, caller: Caller) -> Run | None:
    """None when the key now belongs to this request, otherwise the run that it stands for already.

    In a transaction: another request with the same key waits here until that ends. Raises QuotaExceeded when the
    account may take no new key, and Duplication for a key that was used with another body.
    """
    if not caller.may_take_idempotency_keys:
        quotas.check_known_idempotency_key(account_id=caller.account_id, idempotency_key=preconditions.idempotency_key)
    parameters: dict[str, Any] = {
        "account_id": caller.account_id,
        "key": preconditions.idempotency_key,
        "body_hash": preconditions.body_hash,
        "lifetime": KEY_LIFETIME,
    }
    with connection.cursor() as cursor:
        cursor.execute(TAKE_KEY, parameters)
        if cursor.fetchone() is not None:
            return None
    taken = IdempotencyKey.objects.for_account(caller.account_id).select_related("run")
    known = taken.get(key=preconditions.idempotency_key)
    if bytes(known.body_hash) != preconditions.body_hash or known.run is None:
        raise errors.Duplication
    earlier: Run = known.run
    return earlier


def earlier_run(preconditions: Preconditions, *, account_id: int) -> Run | None:
    """The run that the key stands for with this body, as far as TAKE_KEY would not give the key away. Locks nothing."""
    kept = Now() - KEY_LIFETIME
    taken = IdempotencyKey.objects.for_account(account_id).filter(key=preconditions.idempotency_key)
    known = taken.filter(created_at__gte=kept, body_hash=preconditions.body_hash).select_related("run").first()
    run = known.run if known else None
    return None if run is None or run.ended_as == RunStatus.FAILED.value else run


def assign_key(preconditions: Preconditions, *, account_id: int, run_id: int) -> None:
    """From now on the key stands for the run."""
    taken = IdempotencyKey.objects.for_account(account_id).filter(key=preconditions.idempotency_key)
    taken.update(run=run_id)
