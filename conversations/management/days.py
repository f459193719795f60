"""Days as arguments of commands."""

from argparse import ArgumentTypeError
from datetime import UTC, date, datetime


def day(text: str) -> date:
    """Raises ArgumentTypeError."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as exc:
        raise ArgumentTypeError(f"{text!r} is no date, such as 2026-12-31") from exc
