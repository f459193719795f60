"""The upgrade to prices, beside processes of the last release, and the way back."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import psycopg
import pytest

ACCOUNT = "INSERT INTO conversations_account (public_id, name, is_active) VALUES (%s, %s, true)"
PRICE = """
INSERT INTO conversations_price (vendor, model, kind, amount, currency, valid_from, source)
VALUES ('openai', 'm', 'input', 1, 'USD', %s, 'shipped')
"""


def test_accounts_get_no_markup_and_prices_are_kept(
    database: psycopg.Connection[Any], migrate: Callable[[str], None]
) -> None:
    migrate("0028")
    database.execute(ACCOUNT, ["acc_1", "ann"])

    migrate("0030")

    # As the last release writes it.
    database.execute(ACCOUNT, ["acc_2", "bob"])
    markups = "SELECT name, markup_percent FROM conversations_account ORDER BY id"
    assert database.execute(markups).fetchall() == [("ann", Decimal(0)), ("bob", Decimal(0))]
    database.execute(PRICE, ["2026-01-01"])
    database.execute(PRICE, ["2199-01-01"])
    with pytest.raises(psycopg.errors.RestrictViolation, match="a price is never changed"):
        database.execute("DELETE FROM conversations_price")
    assert database.execute("DELETE FROM conversations_price WHERE valid_from > now()").rowcount == 1

    migrate("0028")
    migrate("0030")

    assert database.execute("SELECT count(*) FROM conversations_price").fetchall() == [(0,)]
    assert database.execute(markups).fetchall() == [("ann", Decimal(0)), ("bob", Decimal(0))]
