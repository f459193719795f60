"""Fair shares of the workers among accounts (ADR 18): whose runs are held, and whose goes next when a thread is free.

A run holds a thread of a worker for as long as its vendor takes. So an account may have at most `SHARE` times as many
runs in progress as threads are free: one account alone gets three quarters of all threads, two get three sevenths each,
and some are left for the next account. Its first run is never held. CLAIM applies the limit and holds the runs beyond
it (`woken_at` NULL); every end of a run, and every sweep, wakes the next held run.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from conversations import broker, errors
from conversations.models.runs.workers import LEASE_SECONDS
from conversations.services.runs import sql

SHARE = 3
# How many of the accounts with held runs are compared.
ACCOUNTS_LOOKED_AT = 1_000
# How many wake-ups of one account the queue holds, besides some for runs whose conversation is busy. So the run of
# another account waits behind no more than these, even when no worker has taken any for a while.
MAX_QUEUED_WAKE_UPS = 100
# How many of an account's oldest queued runs are checked for one that waits for nothing but a worker.
LOOKED_AT = 20
# When a request that was refused because of others that wait may be sent again.
RETRY_SECONDS = 5.0
# The parameters by which SQL computes an account's share.
LIMITS: dict[str, int | timedelta] = {"share": SHARE, "lease": timedelta(seconds=LEASE_SECONDS)}

# Wakes the next held runs: accounts with the fewest runs in progress come first, each with its oldest held run, and no
# more than its share allows. `room` is the largest n such that CLAIM would take n more runs of the account, one by one.
# It locks the runs that it wakes. No row: nobody is held, or no held run's account has room.
# One end of a run wakes one run; two ends at the same moment wake two, because each skips what the other has locked.
# The accounts are found by jumping from one to the next in the index run_held: however many runs one account has, the
# others cost no more. No other index has this order, so the planner never reads runs that are not held.
WAKE_HELD = f"""
WITH RECURSIVE waiting AS (
  (SELECT h.account_id FROM conversations_run h WHERE h.status = 'queued' AND h.woken_at IS NULL
   ORDER BY h.account_id, h.queued_at, h.id LIMIT 1)
  UNION ALL
  SELECT (SELECT h.account_id FROM conversations_run h
          WHERE h.status = 'queued' AND h.woken_at IS NULL AND h.account_id > waiting.account_id
          ORDER BY h.account_id, h.queued_at, h.id LIMIT 1)
  FROM waiting WHERE waiting.account_id IS NOT NULL
), busy AS MATERIALIZED (
  SELECT account_id, count(*) AS runs FROM conversations_run WHERE status = 'in_progress' GROUP BY account_id
), free AS MATERIALIZED (
  SELECT ({sql.THREADS}) - (SELECT COALESCE(sum(runs), 0) FROM busy) AS threads
), asking AS MATERIALIZED (
  SELECT waiting.account_id, COALESCE(busy.runs, 0) AS own,
         GREATEST((free.threads > 0 AND busy.runs IS NULL)::int,
                  ceil((%(share)s * free.threads - COALESCE(busy.runs, 0)) / (%(share)s + 1.0)))::int AS room
  FROM (SELECT account_id FROM waiting WHERE account_id IS NOT NULL LIMIT %(accounts)s) AS waiting
       LEFT JOIN busy USING (account_id), free
), chosen AS MATERIALIZED (
  SELECT next.id, row_number() OVER (ORDER BY asking.own + next.place, asking.account_id) AS place
  FROM asking, LATERAL (
    SELECT held.id, row_number() OVER (ORDER BY held.queued_at, held.id) AS place
    FROM (SELECT r.id, r.queued_at FROM conversations_run r
          WHERE r.account_id = asking.account_id AND r.status = 'queued' AND r.woken_at IS NULL
          ORDER BY r.queued_at, r.id LIMIT LEAST(asking.room, %(most)s) FOR UPDATE SKIP LOCKED) AS held
  ) AS next
  ORDER BY place LIMIT %(most)s
)
UPDATE conversations_run r SET woken_at = statement_timestamp() FROM chosen WHERE r.id = chosen.id
RETURNING chosen.place, r.id
"""  # noqa: S608 — put together of constants


def accept_limits() -> dict[str, int | timedelta]:
    """The parameters by which BACKLOG decides whether an account's next run is accepted, and whether it is held."""
    return {
        "max_queued": settings.MAX_QUEUED_RUNS,
        "oldest_wait": timedelta(seconds=settings.REFUSE_AFTER_WAIT),
        "max_wake_ups": MAX_QUEUED_WAKE_UPS,
        "looked_at": LOOKED_AT,
    }


def refusal(row: Mapping[str, Any]) -> errors.ParleyError | None:
    """The error for a run that BACKLOG did not accept; None when it was not BACKLOG that refused it."""
    if row["is_late"]:
        return late()
    if row["is_full"]:
        return errors.RateLimited(
            f"{settings.MAX_QUEUED_RUNS} questions of this account wait already.", retry_after=RETRY_SECONDS
        )
    if row["is_slow"]:
        return errors.ServiceUnavailable(
            f"Questions of this account have waited for more than {settings.REFUSE_AFTER_WAIT:g} s.",
            retry_after=RETRY_SECONDS,
        )
    return None


def late() -> errors.ServiceUnavailable:
    """For a run that the database came to, or got the lock for, when its caller was about to be refused."""
    return errors.ServiceUnavailable(retry_after=RETRY_SECONDS)


def wake_held(*, most: int = 1) -> None:
    """Wakes up to `most` held runs whose accounts are below their share again; perhaps none.

    They go to the end of the queue, behind runs whose accounts have not used up their share.
    """
    parameters: dict[str, Any] = {"most": most, "accounts": ACCOUNTS_LOOKED_AT, **LIMITS}
    with connection.cursor() as cursor:
        cursor.execute(WAKE_HELD, parameters)
        woken = sorted(cursor.fetchall())
    for _, run_id in woken:
        broker.wake_run(run_id=run_id)
