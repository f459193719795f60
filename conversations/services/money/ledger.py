"""What is reserved for runs: raised while they go on, and given back when they end without an answer.

A run's first reservation is made by the statement that accepts it, and settled by the one that ends it with what it
brought (`services/runs/sql/`).
"""

from collections.abc import Mapping
from decimal import Decimal

import orjson

from conversations.stores import statements
from conversations.values.money import Bill, Reservation

# Locks the active run, then the balance. Returns no row when the run is not this attempt's any more.
# `least`: nothing is taken when the reservation cannot be raised to this.
# An account that has left off paying, while the run goes on, has any amount.
# `taken` writes the balance as it was locked. PostgreSQL checks the constraints of a changed row as this statement
# first saw it, before it looks for a newer version: with the columns of that one, what has just been added to the
# balance could not be reserved.
EXTEND = """
WITH mine AS (
  SELECT a.run_id, a.reserved FROM conversations_activerun a
  WHERE a.run_id = %(run_id)s AND a.account_id = %(account_id)s AND a.attempt = %(attempt)s
    AND (a.status = 'in_progress') IS TRUE AND a.reserved IS NOT NULL
  FOR NO KEY UPDATE
), wallet AS (
  SELECT b.amount, b.reserved,
         CASE WHEN b.amount IS NULL THEN GREATEST(0, %(wanted)s::numeric - mine.reserved)
              WHEN b.amount - b.reserved < %(least)s::numeric - mine.reserved THEN 0
              ELSE GREATEST(0, LEAST(%(wanted)s::numeric - mine.reserved, b.amount - b.reserved)) END AS more
  FROM mine, conversations_balance b WHERE b.account_id = %(account_id)s
  FOR NO KEY UPDATE OF b
), raised AS (
  UPDATE conversations_activerun a SET reserved = a.reserved + wallet.more
  FROM wallet WHERE a.run_id = %(run_id)s AND wallet.more > 0
), taken AS (
  UPDATE conversations_balance b SET amount = wallet.amount, reserved = wallet.reserved + wallet.more
  FROM wallet WHERE b.account_id = %(account_id)s AND wallet.more > 0
), entry AS (
  INSERT INTO conversations_ledgerentry (account_id, run_id, api_key_id, kind, reserved, model)
  SELECT %(account_id)s, r.id, r.api_key_id, 'reserve', wallet.more, r.model
  FROM wallet, conversations_run r
  WHERE r.account_id = %(account_id)s AND r.id = %(run_id)s AND wallet.more > 0
)
SELECT mine.reserved + wallet.more AS reserved FROM mine, wallet
"""

# Of runs whose active rows are locked. The balance is locked last, and before the entries get their ids: so who sees an
# entry of an account sees all that have a smaller id (`reconcile`).
# A call is not given back to an account whose calls are not counted any more.
RELEASE = """
WITH given AS (
  SELECT * FROM unnest(%(run_ids)s::bigint[], %(reserved)s::numeric[], %(calls)s::int[]) AS g(run_id, reserved, calls)
), returned AS (
  UPDATE conversations_balance b SET reserved = b.reserved - total.reserved, calls_left = b.calls_left + total.calls
  FROM (SELECT sum(reserved) AS reserved, sum(calls) AS calls FROM given) AS total
  WHERE b.account_id = %(account_id)s
  RETURNING b.calls_left IS NOT NULL AS counts_calls
)
INSERT INTO conversations_ledgerentry (account_id, run_id, api_key_id, kind, reserved, calls, model)
SELECT %(account_id)s, given.run_id, r.api_key_id, 'release', -given.reserved,
       CASE WHEN returned.counts_calls THEN given.calls ELSE 0 END, r.model
FROM returned, given JOIN conversations_run r ON r.account_id = %(account_id)s AND r.id = given.run_id
"""


# Of a run that waits for an approval, whose active row is locked and has nothing reserved any more. What it has used is
# paid, as by FINISH_METERED, and the rest given back; its call is counted.
PAUSE = """
WITH wallet AS (
  SELECT b.amount, b.reserved, CASE WHEN b.amount IS NULL THEN 0 ELSE %(cost)s::numeric END AS cost,
         CASE WHEN b.amount IS NULL THEN 0 ELSE LEAST(%(cost)s::numeric, b.amount - b.reserved + %(held)s::numeric)
         END AS paid
  FROM conversations_balance b WHERE b.account_id = %(account_id)s
  FOR NO KEY UPDATE
), settled AS (
  UPDATE conversations_balance b
  SET amount = wallet.amount - wallet.paid, reserved = wallet.reserved - %(held)s::numeric
  FROM wallet WHERE b.account_id = %(account_id)s
)
INSERT INTO conversations_ledgerentry (account_id, run_id, api_key_id, kind, amount, reserved, written_off, model,
                                       explanation, usage_source)
SELECT %(account_id)s, r.id, r.api_key_id, 'pause', -wallet.paid, -%(held)s::numeric, wallet.cost - wallet.paid,
       r.model, %(explanation)s, %(usage_source)s
FROM wallet, conversations_run r WHERE r.account_id = %(account_id)s AND r.id = %(run_id)s
"""

# Of a run that goes on, whose active row is locked. No row when the balance does not suffice.
RESERVE = """
WITH wallet AS (
  SELECT b.amount, b.reserved FROM conversations_balance b
  WHERE b.account_id = %(account_id)s
  FOR NO KEY UPDATE
), enough AS (
  SELECT * FROM wallet WHERE wallet.amount IS NULL OR wallet.amount - wallet.reserved >= %(wanted)s::numeric
), taken AS (
  UPDATE conversations_balance b SET amount = enough.amount, reserved = enough.reserved + %(wanted)s::numeric
  FROM enough WHERE b.account_id = %(account_id)s
), entry AS (
  INSERT INTO conversations_ledgerentry (account_id, run_id, api_key_id, kind, reserved, model)
  SELECT %(account_id)s, r.id, r.api_key_id, 'reserve', %(wanted)s::numeric, r.model
  FROM enough, conversations_run r WHERE r.account_id = %(account_id)s AND r.id = %(run_id)s
)
SELECT count(*) AS reserved FROM enough
"""


def pause(*, account_id: int, run_id: int, attempt: int, held: Decimal, bill: Bill | None) -> None:
    """Takes what a run has used by now, and gives back what was `held` for it."""
    explanation = {**bill.explanation, "attempt": attempt} if bill and bill.explanation else None
    parameters = {
        "account_id": account_id,
        "run_id": run_id,
        "held": held,
        "cost": bill.cost if bill else Decimal(0),
        "explanation": orjson.dumps(explanation).decode() if explanation else None,
        "usage_source": bill.usage_source if bill else "",
    }
    statements.execute(PAUSE, parameters)


def reserve(*, account_id: int, run_id: int, wanted: Decimal) -> bool:
    """For a run that goes on. False, and nothing changed, when the balance does not suffice."""
    row = statements.fetch_one(RESERVE, {"account_id": account_id, "run_id": run_id, "wanted": wanted})
    return bool(row["reserved"])


def extend(*, account_id: int, run_id: int, attempt: int, wanted: Decimal, least: Decimal) -> Decimal | None:
    """What is reserved for the run now: `wanted` if the balance has that much, else what it has.

    Nothing changes when it cannot be raised to `least`. None when the run is no longer this attempt's.
    """
    keys = {"account_id": account_id, "run_id": run_id, "attempt": attempt}
    row = statements.fetch_one_or_none(EXTEND, {**keys, "wanted": wanted, "least": least})
    return None if row is None else row["reserved"]


def release(reservations: Mapping[int, Reservation], *, account_id: int) -> None:
    """Gives back what is reserved for runs of locked rows that end without an answer, and their calls.

    In the transaction that deletes the rows, after them.
    """
    if not reservations:
        return
    parameters = {
        "account_id": account_id,
        "run_ids": list(reservations),
        "reserved": [reservation.amount for reservation in reservations.values()],
        "calls": [reservation.calls for reservation in reservations.values()],
    }
    statements.execute(RELEASE, parameters)
