"""Whether a delivery is tried again, and when; and when an endpoint is given up. Pure, so that time is an argument."""

from dataclasses import dataclass
from datetime import timedelta

# The waits after the first, second, … failed try; after the last wait's try the delivery has failed.
SCHEDULE_SECONDS = (5.0, 30.0, 120.0, 600.0, 3_600.0, 10_800.0, 28_800.0, 86_400.0)
MOST_TRIES = len(SCHEDULE_SECONDS) + 1
# The share of a wait that chance may add, so that what failed together does not come back together.
JITTER_SHARE = 0.1
# A receiver may ask for patience, but not for more than the longest of our own waits.
RETRY_AFTER_MAX_SECONDS = 86_400.0
GIVE_UP_AFTER = timedelta(days=5)
GONE = 410


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """No further try. `is_gone`: the receiver said that it never wants anything again."""

    is_gone: bool = False


def verdict(
    *, http_status: int | None, tries: int, retry_after: float | None, chance: float
) -> Delivered | TryAgain | Failed:
    """What follows from the outcome of try number `tries`, counted from 1.

    `http_status` is None when there was no response; `retry_after` is in seconds, `chance` between 0 and 1. Only 2xx
    is success: a redirect is never followed, for it may lead where no check was made.
    """
    if http_status is not None and 200 <= http_status < 300:  # noqa: PLR2004 — the class of success
        return Delivered()
    if http_status == GONE:
        return Failed(is_gone=True)
    if tries >= MOST_TRIES:
        return Failed()
    wait = SCHEDULE_SECONDS[tries - 1] * (1 + JITTER_SHARE * chance)
    asked = min(retry_after or 0.0, RETRY_AFTER_MAX_SECONDS)
    return TryAgain(max(wait, asked))


def is_hopeless(*, failing_for: timedelta) -> bool:
    """Whether an endpoint has failed for so long, without one success, that it is not tried any more."""
    return failing_for >= GIVE_UP_AFTER
