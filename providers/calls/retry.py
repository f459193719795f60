"""Whether a failed call is made again, and when: pure decisions, carried out by `http_call`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from providers.errors import ProviderError, UpstreamRateLimited

MAX_RETRIES = 2
RETRY_WINDOW_SECONDS = 20.0
FIRST_BACKOFF_SECONDS = 0.4
# A 429 without Retry-After takes longer to recover from than a dropped connection.
FIRST_RATE_LIMIT_BACKOFF_SECONDS = 1.0
# Up to this share of a back-off is taken off at random, so that a hundred workers do not retry at the same moment.
JITTER_SHARE = 0.5
# The limit of a Retry-After, which is passed on to our own callers: no server knows that it is away for longer.
LONGEST_RETRY_AFTER_SECONDS = 86_400.0


def delay_before_retry(
    *, error: ProviderError, retries_made: int, elapsed_seconds: float, chance: float
) -> float | None:
    """Seconds to wait before the next try, or None to give up now.

    `elapsed_seconds` since the first try began; `chance` between 0 and 1. A wait that would end after the retry
    window is not begun, so that the caller learns of the failure at once.
    """
    if not error.retryable or retries_made >= MAX_RETRIES:
        return None
    delay = _backoff(error, retries_made, chance) if error.retry_after is None else error.retry_after
    return delay if elapsed_seconds + delay <= RETRY_WINDOW_SECONDS else None


def _backoff(error: ProviderError, retries_made: int, chance: float) -> float:
    is_limited = isinstance(error, UpstreamRateLimited)
    first = FIRST_RATE_LIMIT_BACKOFF_SECONDS if is_limited else FIRST_BACKOFF_SECONDS
    return float(first * 2**retries_made * (1 - JITTER_SHARE * chance))


def retry_after_seconds(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds to wait by `retry-after-ms` or `retry-after` (seconds or an HTTP date); None when absent or nonsense.

    Never raises and never returns more than a day, whatever the other side sends.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    value = headers.get("retry-after")
    seconds = _number(value) if milliseconds is None else milliseconds / 1000
    if seconds is None:
        seconds = _seconds_until(value, now)
    return None if seconds is None else min(seconds, LONGEST_RETRY_AFTER_SECONDS)


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
