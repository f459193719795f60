"""Events: recorded in the transaction of what they report, together with their deliveries.

Only accounts that have, or once had, an endpoint get them; for all others a run costs nothing more. Every turn of such
an account has one or two, so they are written by statements that stay prepared (`stores.statements`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models.functions import Now

from conversations import broker, ids
from conversations.models import Delivery, Event
from conversations.services.webhooks import deliveries
from conversations.stores import statements
from conversations.webhooks import payloads
from conversations.webhooks.payloads import EventType
from conversations.webhooks.subjects import YujuSubject

# The sequence number and the time of the next event; no row for an account that never had an endpoint. The counter's
# row stays locked until the transaction ends, so the numbers of the events that are committed have no gap. So does the
# account's row, which is locked after the conversation's, as everywhere.
NEXT_IN_CONVERSATION = """
WITH next AS (
  UPDATE conversations_conversation SET event_sequence = event_sequence + 1
  WHERE id = %(conversation_id)s AND account_id = %(account_id)s
    AND EXISTS (SELECT 1 FROM conversations_webhookendpoint WHERE account_id = %(account_id)s)
  RETURNING event_sequence
)
SELECT next.event_sequence AS sequence, statement_timestamp() AS created_at
FROM next CROSS JOIN conversations_account a WHERE a.id = %(account_id)s
FOR NO KEY UPDATE OF a
"""
NEXT_IN_ACCOUNT = """
UPDATE conversations_account SET event_sequence = event_sequence + 1
WHERE id = %(account_id)s AND EXISTS (SELECT 1 FROM conversations_webhookendpoint WHERE account_id = %(account_id)s)
RETURNING event_sequence AS sequence, statement_timestamp() AS created_at
"""

# The event with its deliveries, in the order in which they are given. The event's key is drawn by this statement, not
# by the one that waits for the account's lock.
RECORD = """
WITH event AS (
  INSERT INTO conversations_event (account_id, conversation_id, run_id, public_id, type, sequence, payload, created_at)
  VALUES (%(account_id)s, %(conversation_id)s, %(run_id)s, %(event_id)s, %(type)s, %(sequence)s, %(payload)s,
          %(created_at)s)
  RETURNING id, account_id, run_id
)
INSERT INTO conversations_delivery (account_id, run_id, event_id, public_id, kind, endpoint_id, url, receiver, status,
                                    finished_at)
SELECT event.account_id, event.run_id, event.id, d.public_id, 'endpoint', d.endpoint_id, d.url, d.destination, d.status,
       CASE WHEN d.status <> 'pending' THEN statement_timestamp() END
FROM event CROSS JOIN jsonb_to_recordset(%(deliveries)s)
     AS d(public_id text, endpoint_id bigint, url text, destination text, status text)
"""


# Of many conversations, which are locked, and so are their accounts. Those without an endpoint get no number.
NEXT_IN_EACH = """
UPDATE conversations_conversation c SET event_sequence = event_sequence + 1
WHERE c.id = ANY(%(conversations)s)
  AND EXISTS (SELECT 1 FROM conversations_webhookendpoint e WHERE e.account_id = c.account_id)
RETURNING c.id, c.event_sequence AS sequence, statement_timestamp() AS created_at
"""


@dataclass(frozen=True, slots=True)
class Reported:
    """What one of many events of a type says, of a conversation."""

    account_id: int
    conversation_id: int
    data: Mapping[str, Any]
    subject: YujuSubject


def record(
    *,
    account_id: int,
    event_type: EventType,
    data: Mapping[str, Any],
    conversation_id: int | None = None,
    run_id: int | None = None,
    subject: YujuSubject | None = None,
) -> None:
    """Records an event and its deliveries. To be called last in the transaction of what it reports.

    `subject`: whom it is about, for the types that the Yuju family knows (docs/contract D.9).

    It locks the account's row, and the event gets its key under that lock. So an account's events become visible in the
    order of their keys.
    """
    upcoming = _next(account_id, conversation_id)
    if upcoming is None:
        return
    sequence, created_at = upcoming
    event_id = ids.new_event_id()
    payload = payloads.event(
        event_id=event_id,
        event_type=event_type,
        sequence=sequence,
        created_at=created_at,
        data=data,
        about=subject.members(event_type) if subject else {},
    )
    given = deliveries.of_event(account_id=account_id, event_type=event_type)
    parameters = {
        "account_id": account_id,
        "conversation_id": conversation_id,
        "run_id": run_id,
        "event_id": event_id,
        "type": event_type.value,
        "sequence": sequence,
        "payload": payload,
        "created_at": created_at,
        "deliveries": deliveries.as_json(given),
    }
    statements.execute(RECORD, parameters)
    if given:
        broker.wake_deliveries()


def record_each(event_type: EventType, reported: Sequence[Reported]) -> None:
    """As `record`, for many at once. Their conversations have to be locked, and then their accounts."""
    rows = statements.fetch_all(NEXT_IN_EACH, {"conversations": [one.conversation_id for one in reported]})
    numbers = {row["id"]: (row["sequence"], statements.in_utc(row["created_at"])) for row in rows}
    numbered = [one for one in reported if one.conversation_id in numbers]
    events = Event.objects.bulk_create(
        [_event(event_type, one, *numbers[one.conversation_id]) for one in sorted(numbered, key=_by_account)]
    )
    endpoints = deliveries.subscribed(account_ids={event.account_id for event in events}, event_type=event_type)
    given = [
        Delivery(
            account_id=event.account_id,
            event=event,
            kind=Delivery.Kind.ENDPOINT.value,
            public_id=one.public_id,
            endpoint_id=one.endpoint_id,
            url=one.url,
            destination=one.destination,
            status=one.status,
            finished_at=None if one.status == deliveries.PENDING else Now(),
        )
        for event in events
        for one in deliveries.to_endpoints(endpoints[event.account_id], account_id=event.account_id)
    ]
    Delivery.objects.bulk_create(given)
    if given:
        broker.wake_deliveries()


def _by_account(reported: Reported) -> tuple[int, int]:
    return reported.account_id, reported.conversation_id


def _event(event_type: EventType, reported: Reported, sequence: int, created_at: datetime) -> Event:
    event_id = ids.new_event_id()
    payload = payloads.event(
        event_id=event_id,
        event_type=event_type,
        sequence=sequence,
        created_at=created_at,
        data=reported.data,
        about=reported.subject.members(event_type),
    )
    return Event(
        account_id=reported.account_id,
        conversation_id=reported.conversation_id,
        public_id=event_id,
        type=event_type.value,
        sequence=sequence,
        payload=payload,
        created_at=created_at,
    )


def _next(account_id: int, conversation_id: int | None) -> tuple[int, datetime] | None:
    if conversation_id is None:
        row = statements.fetch_one_or_none(NEXT_IN_ACCOUNT, {"account_id": account_id})
    else:
        parameters = {"account_id": account_id, "conversation_id": conversation_id}
        row = statements.fetch_one_or_none(NEXT_IN_CONVERSATION, parameters)
    return (row["sequence"], statements.in_utc(row["created_at"])) if row else None
