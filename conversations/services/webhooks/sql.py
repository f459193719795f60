"""Finding and claiming deliveries, written by hand: what that costs does not grow with what is owed.

Only deliveries that are due are looked at, by the index delivery_due_of_account. From account to account, and from
receiver to receiver of an account, it is one probe each: a backlog, however long, is never read through.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson
from django.db import connection

from conversations.rules import webhook_retry
from conversations.rules.delivery_shares import Candidate

# Those that another sender has under way are passed by. `refused` are ids that the database lets nobody claim.
CLAIMABLE = """
d.status = 'pending' AND d.is_due AND d.next_attempt_at <= statement_timestamp()
AND (d.claimed_until IS NULL OR d.claimed_until <= statement_timestamp()) AND d.id <> ALL(%(refused)s)
"""

ACCOUNTS = f"""
WITH RECURSIVE found AS (
  (SELECT d.account_id FROM conversations_delivery d
   WHERE {CLAIMABLE} AND d.account_id > %(after)s ORDER BY d.account_id LIMIT 1)
  UNION ALL
  SELECT following.account_id FROM found CROSS JOIN LATERAL (
    SELECT d.account_id FROM conversations_delivery d
    WHERE {CLAIMABLE} AND d.account_id > found.account_id ORDER BY d.account_id LIMIT 1
  ) following
)
SELECT account_id FROM found WHERE account_id <> ALL(%(full)s) LIMIT %(limit)s
"""  # noqa: S608 — put together of constants

# The delivery that has been due for longest at each receiver of the line's account, from receiver to receiver.
HEADS = f"""
WITH RECURSIVE head AS (
  (SELECT d.id, d.receiver FROM conversations_delivery d
   WHERE {CLAIMABLE} AND d.account_id = line.account AND {{begin}} ORDER BY d.receiver, d.next_attempt_at LIMIT 1)
  UNION ALL
  SELECT following.id, following.receiver FROM head CROSS JOIN LATERAL (
    SELECT d.id, d.receiver FROM conversations_delivery d
    WHERE {CLAIMABLE} AND d.account_id = line.account AND d.receiver > head.receiver
    ORDER BY d.receiver, d.next_attempt_at LIMIT 1
  ) following
)
SELECT id, receiver FROM head WHERE NOT line.passed_by ? receiver
"""  # noqa: S608 — as above

# Of each line, in its order: first unproven receivers, one delivery each, going on behind the receiver that came last
# the time before and then from the beginning; then the proven ones, what has been due for longest first.
CANDIDATES = f"""
SELECT found.id, line.account, found.receiver, found.is_proven
FROM jsonb_to_recordset(%(lines)s::jsonb)
  AS line(place int, account bigint, after text, room int, passed_by jsonb, proven jsonb)
CROSS JOIN LATERAL (
  (SELECT * FROM (
     SELECT id, receiver, false AS is_proven, 1 AS part, NULL::timestamptz AS since
     FROM ({HEADS.format(begin="d.receiver > line.after")}) later
     UNION ALL
     SELECT id, receiver, false, 2, NULL
     FROM ({HEADS.format(begin="d.receiver >= ''")}) earlier WHERE receiver <= line.after
   ) unproven LIMIT line.room)
  UNION ALL
  SELECT due.id, given.receiver, true, 3, due.next_attempt_at
  FROM jsonb_each_text(line.proven) AS given(receiver, room) CROSS JOIN LATERAL (
    SELECT d.id, d.next_attempt_at FROM conversations_delivery d
    WHERE {CLAIMABLE} AND d.account_id = line.account AND d.receiver = given.receiver
    ORDER BY d.next_attempt_at LIMIT given.room::int
  ) due
) found
ORDER BY line.place, found.part, found.since, found.receiver
"""  # noqa: S608 — as above

# SKIP LOCKED: two that claim at the same moment share what there is. A lease that lapsed tells of a sender that died;
# its attempt is written down as lost, for it may have arrived. What has cost a sender with its last try is given up: it
# may be what kills them.
CLAIM = f"""
WITH chosen AS (
  SELECT d.id, d.claimed_until, d.attempts, d.claimed_until IS NOT NULL AND d.tries >= %(most_tries)s AS is_over
  FROM conversations_delivery d
  WHERE d.id = ANY(%(pks)s) AND {CLAIMABLE}
  FOR UPDATE SKIP LOCKED
), lost AS (
  INSERT INTO conversations_deliveryattempt (delivery_id, number, started_at, duration_ms, error, response)
  SELECT id, attempts, claimed_until - %(lease)s * interval '1 second', 0, 'interrupted', ''
  FROM chosen WHERE claimed_until IS NOT NULL
  ON CONFLICT DO NOTHING
), given_up AS (
  UPDATE conversations_delivery d SET status = 'failed', finished_at = statement_timestamp(), claimed_until = NULL
  FROM chosen WHERE d.id = chosen.id AND chosen.is_over
)
UPDATE conversations_delivery d
SET attempts = d.attempts + 1, tries = d.tries + 1,
    claimed_until = statement_timestamp() + %(lease)s * interval '1 second'
FROM chosen
WHERE d.id = chosen.id AND NOT chosen.is_over
RETURNING d.id, d.account_id, d.public_id, d.kind, d.endpoint_id, d.event_id, d.url, d.receiver, d.body, d.attempts,
          d.tries
"""  # noqa: S608 — as above


def accounts(*, after: int, full: Collection[int], refused: Collection[int], limit: int) -> list[int]:
    """Accounts that have something to claim, by their keys from behind `after`, but for those that are `full`."""
    parameters: dict[str, Any] = {"after": after, "full": list(full), "refused": list(refused), "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(ACCOUNTS, parameters)
        return [account_id for (account_id,) in cursor.fetchall()]


def candidates(*, lines: Sequence[Mapping[str, Any]], refused: Collection[int]) -> list[Candidate]:
    """What might be begun of each line, which stands for an account. Claims nothing.

    A line has `place` and `account`; `room` for so many unproven receivers, of which it begins behind `after`, and not
    those `passed_by`; and how many deliveries there is room for at each of its `proven` ones.
    """
    with connection.cursor() as cursor:
        cursor.execute(CANDIDATES, {"lines": as_json(lines), "refused": list(refused)})
        return [Candidate(*row) for row in cursor.fetchall()]


def as_json(lines: Sequence[Mapping[str, Any]]) -> str:
    return orjson.dumps(lines).decode()


def claim(*, pks: Sequence[int], lease_seconds: float) -> list[dict[str, Any]]:
    """The rows that were claimed: those of `pks` that nobody else has taken meanwhile."""
    parameters: dict[str, Any] = {
        "pks": list(pks),
        "lease": lease_seconds,
        "refused": [],
        "most_tries": webhook_retry.MOST_TRIES,
    }
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
