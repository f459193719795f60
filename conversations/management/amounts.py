"""Amounts of money as arguments of commands."""

from argparse import ArgumentTypeError
from decimal import Decimal

from conversations.rules.money import amounts


def amount(text: str) -> Decimal:
    """Its size and decimals are checked by the service. Raises ArgumentTypeError."""
    try:
        return amounts.parse(text)
    except ValueError as exc:
        raise ArgumentTypeError(f"{text[:40]!r} {exc}") from exc
