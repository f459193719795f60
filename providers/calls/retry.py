"""Whether a failed call is made again, and when: pure decisions. The client carries them out."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from providers.errors import ProviderError, UpstreamRateLimited

MAX_RETRIES = 2
RETRY_WINDOW_SECONDS = 20.0
FIRST_BACKOFF_SECONDS = 0.4
# A vendor that says 429 without saying when needs longer to recover than one that dropped a connection.
FIRST_RATE_LIMIT_BACKOFF_SECONDS = 1.0
# The share of a back-off that chance may take away, so that a hundred workers do not come back as one.
JITTER_SHARE = 0.5
# What is asked for goes on to our own callers: no server is away for longer than a day and knows it.
LONGEST_RETRY_AFTER_SECONDS = 86_400.0


def delay_before_retry(
    *, error: ProviderError, retries_made: int, elapsed_seconds: float, chance: float
) -> float | None:
    """Seconds to wait before the next try, or None to give up now.

    `elapsed_seconds` since the first try began; `chance` between 0 and 1. A wait that would end past the
    window is not begun: the caller learns of the failure at once.
    """
    if not error.retryable or retries_made >= MAX_RETRIES:
        return None
    delay = _backoff(error, retries_made, chance) if error.retry_after is None else error.retry_after
    return delay if elapsed_seconds + delay <= RETRY_WINDOW_SECONDS else None


def _backoff(error: ProviderError, retries_made: int, chance: float) -> float:
    limited = isinstance(error, UpstreamRateLimited)
    first = FIRST_RATE_LIMIT_BACKOFF_SECONDS if limited else FIRST_BACKOFF_SECONDS
    return float(first * 2**retries_made * (1 - JITTER_SHARE * chance))


def retry_after_seconds(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """What `retry-after-ms` or `retry-after` (seconds or an HTTP date) asks for; None when absent or nonsense.

    Never raises, and never asks for more than a day: headers are whatever the other side sends.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    value = headers.get("retry-after")
    seconds = _number(value) if milliseconds is None else milliseconds / 1000
    asked = _seconds_until(value, now) if seconds is None else seconds
    return None if asked is None else min(asked, LONGEST_RETRY_AFTER_SECONDS)


def _number(text: str | None) -> float | None:
    """Only finite numbers from 0 up: `nan` and `inf` are valid floats but no waiting times."""
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
        # Besides what is no date at all: years, and distances from UTC, that no clock can show.
        return None
