"""The upgrade to the ledger, with accounts of the last release, and the way back."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

ACCOUNT = "INSERT INTO conversations_account (public_id, name, is_active) VALUES (%s, %s, true) RETURNING id"
ENTRY = """
INSERT INTO conversations_ledgerentry (account_id, kind, amount, note) VALUES (%s, 'top_up', 5, 'by Ann') RETURNING id
"""


def test_accounts_are_not_metered_and_entries_are_kept(
    database: psycopg.Connection[Any], migrate: Callable[[str], None]
) -> None:
    migrate("0029")
    [[account]] = database.execute(ACCOUNT, ["acc_1", "ann"]).fetchall()

    migrate("0034")

    assert database.execute("SELECT count(*) FROM conversations_balance").fetchall() == [(0,)]
    [[entry]] = database.execute(ENTRY, [account]).fetchall()
    for change in ("DELETE FROM", "UPDATE"):
        values = "SET amount = 1, note = ''" if change == "UPDATE" else ""
        with pytest.raises(psycopg.errors.RestrictViolation, match="never changed"):
            database.execute(f"{change} conversations_ledgerentry {values} WHERE id = %s", [entry])
    database.execute("UPDATE conversations_account SET erased_at = now()")
    assert database.execute("UPDATE conversations_ledgerentry SET note = ''").rowcount == 1

    migrate("0032")
    migrate("0034")

    assert database.execute("SELECT count(*) FROM conversations_ledgerentry").fetchall() == [(0,)]
    assert database.execute("SELECT name FROM conversations_account").fetchall() == [("ann",)]
