"""The SQL that finds and claims deliveries. Its cost does not grow with the number of pending deliveries.

Only due deliveries are read, by the index delivery_due_of_account. The queries step from account to account, and from
destination to destination of an account, with one index probe each. So a backlog is never read through, however long.

The column of `destination` is named receiver, that of `attempts_made` attempts, and that of `schedule_step` tries.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection

from conversations.rules import webhook_retry
from conversations.rules.delivery_shares import Candidate

# The condition for a delivery `d` to be claimed. It leaves out what another sender has in flight, and `refused`: ids
# whose claim the database refuses.
CLAIMABLE = """
d.status = 'pending' AND d.is_due AND d.next_attempt_at <= statement_timestamp()
AND (d.claimed_until IS NULL OR d.claimed_until <= statement_timestamp()) AND d.id <> ALL(%(refused)s)
"""

# The accounts behind `after` that have something to claim, in the order of their keys. Locks nothing.
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

# Part of CANDIDATES: for each destination of the share's account, the delivery that has been due for longest. `begin`
# says at which destination to begin.
HEADS = f"""
WITH RECURSIVE head AS (
  (SELECT d.id, d.receiver FROM conversations_delivery d
   WHERE {CLAIMABLE} AND d.account_id = share.account AND {{begin}} ORDER BY d.receiver, d.next_attempt_at LIMIT 1)
  UNION ALL
  SELECT following.id, following.receiver FROM head CROSS JOIN LATERAL (
    SELECT d.id, d.receiver FROM conversations_delivery d
    WHERE {CLAIMABLE} AND d.account_id = share.account AND d.receiver > head.receiver
    ORDER BY d.receiver, d.next_attempt_at LIMIT 1
  ) following
)
SELECT id, receiver FROM head WHERE NOT share.excluded ? receiver
"""  # noqa: S608 — as above

# The candidates of each AccountShare, in the shares' order. First one delivery for each destination in slow start: from
# those behind `after` on, then from the beginning. Then those for prompt destinations, the longest due first. Locks
# nothing: another sender may claim a candidate first.
CANDIDATES = f"""
SELECT found.id, share.account, found.receiver, found.is_slow_start
FROM jsonb_to_recordset(%(shares)s::jsonb)
  AS share(ordinal int, account bigint, after text, slow_start int, excluded jsonb, prompt jsonb)
CROSS JOIN LATERAL (
  (SELECT * FROM (
     SELECT id, receiver, true AS is_slow_start, 1 AS part, NULL::timestamptz AS since
     FROM ({HEADS.format(begin="d.receiver > share.after")}) later
     UNION ALL
     SELECT id, receiver, true, 2, NULL
     FROM ({HEADS.format(begin="d.receiver >= ''")}) earlier WHERE receiver <= share.after
   ) slow_start LIMIT share.slow_start)
  UNION ALL
  SELECT due.id, given.receiver, false, 3, due.next_attempt_at
  FROM jsonb_each_text(share.prompt) AS given(receiver, capacity) CROSS JOIN LATERAL (
    SELECT d.id, d.next_attempt_at FROM conversations_delivery d
    WHERE {CLAIMABLE} AND d.account_id = share.account AND d.receiver = given.receiver
    ORDER BY d.next_attempt_at LIMIT given.capacity::int
  ) due
) found
ORDER BY share.ordinal, found.part, found.since, found.receiver
"""  # noqa: S608 — as above

# Claims those of `pks` that are still claimable, and locks them until the transaction ends. A row for each that was
# claimed; none for one that another sender has or that ended here.
# SKIP LOCKED: two senders that claim at the same moment divide the deliveries between them. A lapsed lease means that
# the sender died: its attempt is recorded as interrupted, because it may have arrived. If that was the schedule's last
# step, the delivery fails: it may be what kills the senders. What is about a deleted conversation is cancelled.
CLAIM = f"""
WITH chosen AS (
  SELECT d.id, d.account_id, d.claimed_until, d.attempts, CASE
           WHEN EXISTS (
             SELECT FROM conversations_conversation c WHERE c.deleted_at IS NOT NULL AND c.id = COALESCE(
               (SELECT e.conversation_id FROM conversations_event e WHERE e.id = d.event_id),
               (SELECT r.conversation_id FROM conversations_run r WHERE r.id = d.run_id))
           ) THEN 'cancelled'
           WHEN d.claimed_until IS NOT NULL AND d.tries >= %(last_step)s THEN 'failed'
         END AS ended_as
  FROM conversations_delivery d
  WHERE d.id = ANY(%(pks)s) AND {CLAIMABLE}
  FOR UPDATE SKIP LOCKED
), lost AS (
  INSERT INTO conversations_deliveryattempt (account_id, delivery_id, number, started_at, duration_ms, error,
                                             response)
  SELECT account_id, id, attempts, claimed_until - %(lease)s * interval '1 second', 0, 'interrupted', ''
  FROM chosen WHERE claimed_until IS NOT NULL
  ON CONFLICT DO NOTHING
), ended AS (
  UPDATE conversations_delivery d
  SET status = chosen.ended_as, finished_at = statement_timestamp(), claimed_until = NULL
  FROM chosen WHERE d.id = chosen.id AND chosen.ended_as IS NOT NULL
)
UPDATE conversations_delivery d
SET attempts = d.attempts + 1, tries = d.tries + 1,
    claimed_until = statement_timestamp() + %(lease)s * interval '1 second'
FROM chosen
WHERE d.id = chosen.id AND chosen.ended_as IS NULL
RETURNING d.id, d.account_id, d.public_id, d.kind, d.endpoint_id, d.event_id, d.url, d.receiver, d.body, d.attempts,
          d.tries
"""  # noqa: S608 — as above


def accounts(*, after: int, full: Collection[int], refused: Collection[int], limit: int) -> list[int]:
    """Accounts with something to claim, in the order of their keys, behind `after` and without those in `full`."""
    parameters: dict[str, Any] = {"after": after, "full": list(full), "refused": list(refused), "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(ACCOUNTS, parameters)
        return [account_id for (account_id,) in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class AccountShare:
    """What may be begun of one account. Its JSON is the input of CANDIDATES.

    `ordinal` orders the accounts. `slow_start` is how many destinations in slow start may get an attempt; they are
    taken from behind `after`, without those in `excluded`. `prompt` maps each prompt destination to how many deliveries
    it may get.
    """

    ordinal: int
    account: int
    after: str
    slow_start: int
    excluded: Sequence[str]
    prompt: Mapping[str, int]


def candidates(*, shares: Sequence[AccountShare], refused: Collection[int]) -> list[Candidate]:
    """The deliveries that might be begun within each account's share. Claims nothing."""
    with connection.cursor() as cursor:
        cursor.execute(CANDIDATES, {"shares": as_json(shares), "refused": list(refused)})
        return [Candidate(*row) for row in cursor.fetchall()]


def as_json(shares: Sequence[AccountShare]) -> str:
    return orjson.dumps(shares).decode()


def claim(*, pks: Sequence[int], lease_seconds: float) -> list[dict[str, Any]]:
    """The rows that were claimed: those of `pks` that no other sender has claimed meanwhile."""
    parameters: dict[str, Any] = {
        "pks": list(pks),
        "lease": lease_seconds,
        "refused": [],
        "last_step": webhook_retry.LAST_STEP,
    }
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
