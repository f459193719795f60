"""Amounts of money as somebody writes them."""

import re
from decimal import Decimal

# Decimal also takes 1_000, 1e3, NaN and the digits of all scripts: who writes these may mean something else.
_AMOUNT = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


def parse(text: str) -> Decimal:
    """Its size and decimals are checked by the service. Raises ValueError."""
    if not _AMOUNT.fullmatch(text):
        raise ValueError("must be a number such as 12.50")
    return Decimal(text)
