"""Events: recorded in the transaction of what they report, together with their deliveries.

Only accounts that have, or once had, an endpoint get them; for all others a run costs nothing more.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection

from conversations import ids
from conversations.models import Account, Event, WebhookEndpoint
from conversations.services.webhooks import deliveries
from conversations.webhooks import payloads
from conversations.webhooks.payloads import EventType

# The sequence number and the time of the next event. The row stays locked until the transaction ends, so the numbers
# of the events that are committed have no gap.
NEXT_IN_CONVERSATION = """
UPDATE conversations_conversation SET event_sequence = event_sequence + 1 WHERE id = %s
RETURNING event_sequence, statement_timestamp()
"""
NEXT_IN_ACCOUNT = """
UPDATE conversations_account SET event_sequence = event_sequence + 1 WHERE id = %s
RETURNING event_sequence, statement_timestamp()
"""


def are_kept(*, account_id: int) -> bool:
    """Whether the account's events are recorded: it has, or once had, an endpoint."""
    return WebhookEndpoint.objects.for_account(account_id).exists()


def record(
    *,
    account_id: int,
    event_type: EventType,
    data: Mapping[str, Any],
    conversation_id: int | None = None,
    run_id: int | None = None,
) -> None:
    """Records an event and its deliveries. To be called last in the transaction of what it reports.

    It locks the account's row, and the event gets its key under that lock. So an account's events become visible in the
    order of their keys.
    """
    if not are_kept(account_id=account_id):
        return
    sequence, created_at = _next(account_id, conversation_id)
    event_id = ids.new_event_id()
    payload = payloads.event(
        event_id=event_id, event_type=event_type, sequence=sequence, created_at=created_at, data=data
    )
    event = Event.objects.create(
        account_id=account_id,
        conversation_id=conversation_id,
        run_id=run_id,
        public_id=event_id,
        type=event_type.value,
        sequence=sequence,
        payload=payload,
        created_at=created_at,
    )
    deliveries.create_for_event(event=event)


def _next(account_id: int, conversation_id: int | None) -> tuple[int, datetime]:
    with connection.cursor() as cursor:
        if conversation_id is None:
            cursor.execute(NEXT_IN_ACCOUNT, [account_id])
        else:
            cursor.execute(NEXT_IN_CONVERSATION, [conversation_id])
        sequence, created_at = cursor.fetchone()
    Account.objects.select_for_update(no_key=True).only("pk").get(pk=account_id)
    return sequence, created_at
