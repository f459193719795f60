"""What the ledger of one account says, compared with its balance and with its active runs.

The ledger is read in parts, so that no statement lasts long and little is in memory. That is safe beside turns: an
entry gets its id while its account's balance is locked, so entries of an account become visible in the order of their
ids, and none changes afterwards. What came meanwhile is read by the last statement, together with the balance and the
active runs: all of one moment.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from conversations.models import LedgerDifference
from conversations.stores import statements

What = LedgerDifference.What

# A fifth of a second, where they have to be read from a disk.
PART_ENTRIES = 20_000
# Of an account: further ones have the same cause.
LEFT_OVER_MAX = 100
# Runs of which a part has the reservation and not the end. They are as many as run at once, unless all of the ledger is
# wrong: then its runs are not told apart.
RUNS_MAX = 50_000

# What a part adds up to, and the runs for which it reserves more or less than nothing.
_ADDED = """
added AS (
  SELECT count(*) AS entries, max(id) AS newest, COALESCE(sum(amount), 0) AS amount,
         COALESCE(sum(reserved), 0) AS reserved, COALESCE(sum(calls), 0)::bigint AS calls
  FROM part
), open AS (
  SELECT COALESCE(array_agg(run_id), '{}') AS runs, COALESCE(array_agg(reserved), '{}') AS for_runs FROM (
    SELECT run_id, sum(reserved) AS reserved FROM part WHERE run_id IS NOT NULL
    GROUP BY run_id HAVING sum(reserved) <> 0) AS found
)
"""
PART = f"""
WITH part AS MATERIALIZED (
  SELECT id, run_id, amount, reserved, calls FROM conversations_ledgerentry
  WHERE account_id = %(account_id)s AND id > %(after)s ORDER BY id LIMIT %(most)s
), {_ADDED} SELECT * FROM added, open
"""  # noqa: S608 — put together of constants
LAST = f"""
WITH part AS MATERIALIZED (
  SELECT id, run_id, amount, reserved, calls FROM conversations_ledgerentry
  WHERE account_id = %(account_id)s AND id > %(after)s
), {_ADDED}, active AS (
  SELECT COALESCE(array_agg(run_id), '{{}}') AS active_runs, COALESCE(array_agg(reserved), '{{}}') AS held
  FROM conversations_activerun WHERE account_id = %(account_id)s AND reserved IS NOT NULL
)
SELECT added.*, open.*, active.*, COALESCE(b.amount, 0) AS balance, COALESCE(b.reserved, 0) AS balance_reserved,
       COALESCE(b.calls_left, 0) AS calls_left
FROM added, open, active LEFT JOIN conversations_balance b ON b.account_id = %(account_id)s
"""  # noqa: S608


@dataclass(slots=True)
class Entered:
    """What the entries add up to, and what of it is reserved for runs that have no end yet."""

    amount: Decimal = Decimal(0)
    reserved: Decimal = Decimal(0)
    calls: int = 0
    runs: defaultdict[int, Decimal] | None = field(default_factory=lambda: defaultdict(Decimal))

    def add(self, part: Mapping[str, Any]) -> None:
        self.amount += part["amount"]
        self.reserved += part["reserved"]
        self.calls += part["calls"]
        if self.runs is None:
            return
        for run_id, reserved in zip(part["runs"], part["for_runs"], strict=True):
            self.runs[run_id] += reserved
            if not self.runs[run_id]:
                del self.runs[run_id]
        if len(self.runs) > RUNS_MAX:
            self.runs = None


def differences(*, account_id: int, most: int = PART_ENTRIES) -> list[LedgerDifference]:
    """Rows that are not saved. `most`: the entries of a part."""
    entered, after, is_more = Entered(), 0, True
    while is_more:
        part = statements.fetch_one(PART, {"account_id": account_id, "after": after, "most": most})
        entered.add(part)
        after = part["newest"] or after
        is_more = part["entries"] == most
    last = statements.fetch_one(LAST, {"account_id": account_id, "after": after})
    entered.add(last)
    return [
        LedgerDifference(account_id=account_id, what=what, run_key=run_key, expected=expected, found=found)
        for what, run_key, expected, found in _compared(entered, last)
        if expected != found
    ]


def _compared(entered: Entered, last: Mapping[str, Any]) -> Iterator[tuple[What, int, Decimal, Decimal]]:
    """Pairs of what should be equal, with the run that they are about, 0 for none."""
    active = dict(zip(last["active_runs"], last["held"], strict=True))
    reserved = last["balance_reserved"]
    yield What.AMOUNT, 0, entered.amount, last["balance"]
    yield What.RESERVED, 0, entered.reserved, reserved
    yield What.CALLS, 0, Decimal(entered.calls), Decimal(last["calls_left"])
    yield What.ACTIVE, 0, sum(active.values(), Decimal(0)), reserved
    if entered.runs is None:
        return
    nothing = Decimal(0)
    pairs = {run: (active.get(run, nothing), entered.runs.get(run, nothing)) for run in {*active, *entered.runs}}
    left_over = sorted(run for run, (held, said) in pairs.items() if held != said)
    for run in left_over[:LEFT_OVER_MAX]:
        yield What.LEFT_OVER, run, *pairs[run]
