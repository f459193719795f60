"""Whether a failed call is made again, and when: pure decisions, carried out by `http_call`."""

from providers.catalog import MAX_RETRIES, RETRY_WINDOW_SECONDS
from providers.errors import ProviderError, UpstreamRateLimited

FIRST_BACKOFF_SECONDS = 0.4
# A 429 without Retry-After takes longer to recover from than a dropped connection.
FIRST_RATE_LIMIT_BACKOFF_SECONDS = 1.0
# Up to this share of a back-off is taken off at random, so that a hundred workers do not retry at the same moment.
JITTER_SHARE = 0.5


def delay_before_retry(
    *,
    error: ProviderError,
    retries_made: int,
    elapsed_seconds: float,
    chance: float,
    max_retries: int = MAX_RETRIES,
    within_seconds: float = RETRY_WINDOW_SECONDS,
) -> float | None:
    """Seconds to wait before the next try, or None to give up now.

    `elapsed_seconds` since the first try began; `chance` between 0 and 1. A wait that would end after
    `within_seconds` is not begun, so that the caller learns of the failure at once.
    """
    if not error.retryable or retries_made >= max_retries:
        return None
    delay = _backoff(error, retries_made, chance) if error.retry_after is None else error.retry_after
    return delay if elapsed_seconds + delay <= within_seconds else None


def _backoff(error: ProviderError, retries_made: int, chance: float) -> float:
    is_limited = isinstance(error, UpstreamRateLimited)
    first = FIRST_RATE_LIMIT_BACKOFF_SECONDS if is_limited else FIRST_BACKOFF_SECONDS
    return float(first * 2**retries_made * (1 - JITTER_SHARE * chance))
