"""Claiming deliveries, written by hand: due ones of all receivers in one statement, none more than its share."""

from collections.abc import Mapping
from typing import Any

import orjson
from django.db import connection

# Goes from receiver to receiver by the index delivery_due, one probe for each that has something pending, so that a
# receiver's backlog, however long, is never read through. `rooms` says how many more a receiver may have at once.
# SKIP LOCKED: two that claim at the same moment share what there is. A lease that lapsed tells of a sender that died;
# its attempt is written down as lost, for it may have arrived.
CLAIM = """
WITH RECURSIVE receiver AS (
  (SELECT receiver AS name FROM conversations_delivery WHERE status = 'pending' ORDER BY receiver LIMIT 1)
  UNION ALL
  SELECT (SELECT d.receiver FROM conversations_delivery d
          WHERE d.status = 'pending' AND d.receiver > receiver.name ORDER BY d.receiver LIMIT 1)
  FROM receiver WHERE receiver.name IS NOT NULL
), due AS (
  SELECT due.id, due.claimed_until, due.attempts, due.next_attempt_at
  FROM receiver
  LEFT JOIN jsonb_each_text(%(rooms)s::jsonb) AS given(name, room) ON given.name = receiver.name
  CROSS JOIN LATERAL (
    SELECT d.id, d.claimed_until, d.attempts, d.next_attempt_at FROM conversations_delivery d
    WHERE d.receiver = receiver.name AND d.status = 'pending' AND d.next_attempt_at <= statement_timestamp()
      AND (d.claimed_until IS NULL OR d.claimed_until <= statement_timestamp())
      AND (%(only)s::bigint IS NULL OR d.id = %(only)s)
    ORDER BY d.next_attempt_at LIMIT COALESCE(given.room::int, %(room)s)
    FOR UPDATE SKIP LOCKED
  ) due
  WHERE receiver.name IS NOT NULL
), chosen AS (
  SELECT * FROM due ORDER BY next_attempt_at, id LIMIT %(limit)s
), lost AS (
  INSERT INTO conversations_deliveryattempt (delivery_id, number, started_at, duration_ms, error, response)
  SELECT id, attempts, claimed_until - %(lease)s * interval '1 second', 0, 'interrupted', ''
  FROM chosen WHERE claimed_until IS NOT NULL
  ON CONFLICT DO NOTHING
)
UPDATE conversations_delivery d
SET attempts = d.attempts + 1, tries = d.tries + 1,
    claimed_until = statement_timestamp() + %(lease)s * interval '1 second'
FROM chosen
WHERE d.id = chosen.id
RETURNING d.id, d.account_id, d.public_id, d.kind, d.endpoint_id, d.event_id, d.url, d.receiver, d.body, d.attempts,
          d.tries
"""


def claim(
    *, limit: int, room: int, rooms: Mapping[str, int], lease_seconds: float, only: int | None = None
) -> list[dict[str, Any]]:
    """The claimed rows; none but the delivery `only`, if given. `room` is for receivers that `rooms` does not name."""
    parameters: dict[str, Any] = {
        "limit": limit,
        "room": room,
        "rooms": orjson.dumps(dict(rooms)).decode(),
        "lease": lease_seconds,
        "only": only,
    }
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
