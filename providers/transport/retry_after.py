"""How long a server asks to be left alone: the header Retry-After in all its notations."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# The limit of a Retry-After, which is passed on to our own callers: no server knows that it is away for longer.
LONGEST_SECONDS = 86_400.0


def from_headers(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds to wait by `retry-after-ms` or `retry-after` (seconds or an HTTP date); None when absent or nonsense.

    Never raises and never returns more than a day, whatever the other side sends.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    value = headers.get("retry-after")
    seconds = _number(value) if milliseconds is None else milliseconds / 1000
    if seconds is None:
        seconds = _seconds_until(value, now)
    return None if seconds is None else min(seconds, LONGEST_SECONDS)


def _number(text: str | None) -> float | None:
    """Only finite numbers from 0 up: `nan` and `inf` are valid floats, but not times to wait."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def _seconds_until(text: str | None, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(text or "")
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, TypeError, OverflowError, IndexError):
        # Not a date at all, or a year or an offset from UTC that datetime cannot represent.
        return None
