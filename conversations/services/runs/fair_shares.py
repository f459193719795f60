"""Fair shares of the workers among accounts (ADR 18): who is held back, and who goes next when a place is free.

A run holds a thread of a worker for as long as its vendor takes. So an account has runs in progress only up to
`SHARE` times as many as there are threads free: alone it gets three quarters of all, two get three sevenths each, and
some are left for whoever comes next. Its first run is never refused. CLAIM keeps to that and holds back what is beyond
(`woken_at` NULL); every end of a run, and every sweep, wakes of those who are held the next one.
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
# Of so many accounts who have runs held back the fairest choice is made.
ACCOUNTS_LOOKED_AT = 1_000
# So many wake-ups of one account are in line at most, and some of the runs whose conversation is busy. Who comes after
# it finds no longer line, also when no worker has taken from it for a while.
MOST_IN_LINE = 100
# Of an account's runs that wait the oldest are looked at, whether they wait for a worker alone.
LOOKED_AT = 20
# When it may be worth asking again what was refused because of others that wait.
RETRY_SECONDS = 5.0
# What SQL needs to know to tell an account's share.
LIMITS: dict[str, int | timedelta] = {"share": SHARE, "lease": timedelta(seconds=LEASE_SECONDS)}

# Wakes the next runs that are held back: first of the accounts with the fewest in progress, of each its oldest, and no
# more than there is room for. `room` is the largest n such that CLAIM takes n more of the account's, one by one. One
# end wakes one run; two ends at the same moment wake two, because each passes by what the other has locked.
# The accounts are found by jumping from one to the next in the index run_held: any number of runs of one account costs
# the others nothing. No other index has its order, so that the planner never reads those who are not held.
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
    """What BACKLOG needs to know to tell whether an account's next question is taken in, and where."""
    return {
        "max_queued": settings.MAX_QUEUED_RUNS,
        "oldest_wait": timedelta(seconds=settings.REFUSE_AFTER_WAIT),
        "most_in_line": MOST_IN_LINE,
        "looked_at": LOOKED_AT,
    }


def refusal(row: Mapping[str, Any]) -> errors.ParleyError | None:
    """Why BACKLOG has taken nothing in, if it was for its sake."""
    if row["is_late"]:
        return errors.ServiceUnavailable(retry_after=RETRY_SECONDS)
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


def wake_held(*, most: int = 1) -> None:
    """Wakes up to `most` of the runs that are held back, as far as their accounts have room again; none is fine.

    They go to the end of the line: whoever is in it asks for less than its share.
    """
    parameters: dict[str, Any] = {"most": most, "accounts": ACCOUNTS_LOOKED_AT, **LIMITS}
    with connection.cursor() as cursor:
        cursor.execute(WAKE_HELD, parameters)
        woken = sorted(cursor.fetchall())
    for _, run_id in woken:
        broker.wake_run(run_id=run_id)
