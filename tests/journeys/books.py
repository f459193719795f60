"""What a service's tables say of money: read by tests that know what they must say."""

from decimal import Decimal
from typing import Any

from tests.journeys.rows import Rows

# Kind, amount, reserved, calls.
Entry = tuple[str, str, str, int]

# What holds at every moment, also while runs go on: one statement sees one moment.
OUT_OF_BALANCE = """
WITH entered AS (
  SELECT account_id, sum(amount) AS amount, sum(reserved) AS reserved, sum(calls) AS calls
  FROM conversations_ledgerentry GROUP BY account_id
), held AS (
  SELECT account_id, sum(reserved) AS reserved FROM conversations_activerun
  WHERE reserved IS NOT NULL GROUP BY account_id
)
SELECT b.*, entered.amount AS entered, entered.reserved AS entered_reserved, entered.calls AS entered_calls,
       held.reserved AS held
FROM conversations_balance b FULL JOIN entered USING (account_id) FULL JOIN held USING (account_id)
WHERE (COALESCE(b.amount, 0), COALESCE(b.reserved, 0), COALESCE(b.calls_left, 0))
        IS DISTINCT FROM (COALESCE(entered.amount, 0), COALESCE(entered.reserved, 0), COALESCE(entered.calls, 0))
   OR COALESCE(b.reserved, 0) IS DISTINCT FROM COALESCE(held.reserved, 0)
   OR b.amount < b.reserved OR b.calls_left < 0
"""
# A run that goes on has what its active row says; one that has ended has nothing, and was paid or released once.
PAID_WRONG = """
SELECT l.run_id, array_agg(l.kind ORDER BY l.id) AS kinds, sum(l.reserved) AS reserved, max(a.reserved) AS held
FROM conversations_ledgerentry l LEFT JOIN conversations_activerun a ON a.run_id = l.run_id
WHERE l.run_id IS NOT NULL GROUP BY l.run_id
HAVING sum(l.reserved) <> COALESCE(max(a.reserved), 0)
    OR count(*) FILTER (WHERE l.kind IN ('settle', 'release')) <> (max(a.run_id) IS NULL)::int
    OR sum(l.amount) > 0
"""
ENTRIES = """
SELECT l.* FROM conversations_ledgerentry l JOIN conversations_run r ON r.id = l.run_id
WHERE r.public_id = %s ORDER BY l.id
"""
STATE = """
SELECT b.* FROM conversations_balance b JOIN conversations_account a ON a.id = b.account_id WHERE a.name = %s
"""


def assert_balanced(rows: Rows) -> None:
    """Of every account: the ledger adds up to the balance, and what is reserved is for runs that go on."""
    assert rows.all(OUT_OF_BALANCE) == []
    assert rows.all(PAID_WRONG) == []


def entries(rows: Rows, run_id: str) -> list[Entry]:
    """Those of a run, by its public id, in order."""
    return [
        (row["kind"], shown(row["amount"]), shown(row["reserved"]), row["calls"]) for row in rows.all(ENTRIES, run_id)
    ]


def settlement(rows: Rows, run_id: str) -> dict[str, Any]:
    """The row of the entry that a run was paid by."""
    (row,) = [row for row in rows.all(ENTRIES, run_id) if row["kind"] == "settle"]
    return row


def state(rows: Rows, account: str) -> tuple[str, str, int | None]:
    """Amount, reserved and calls left of an account, by its name."""
    (row,) = rows.all(STATE, account)
    return shown(row["amount"]), shown(row["reserved"]), row["calls_left"]


def shown(amount: Decimal) -> str:
    """Without zeros at the end."""
    return f"{(amount + 0).normalize():f}"
