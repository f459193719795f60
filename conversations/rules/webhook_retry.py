"""When a failed delivery is retried, and when its endpoint is disabled. Pure."""

from dataclasses import dataclass
from datetime import timedelta

# The waits after the first, second, … failed attempt of a schedule. The attempt after the last wait is the last one.
SCHEDULE_SECONDS = (5.0, 30.0, 120.0, 600.0, 3_600.0, 10_800.0, 28_800.0, 86_400.0)
LAST_STEP = len(SCHEDULE_SECONDS) + 1
# The largest part of a wait that is added at random, so that what failed together is not retried together.
JITTER_SHARE = 0.1
# Retry-After is honoured up to the longest wait of the schedule.
RETRY_AFTER_MAX_SECONDS = 86_400.0
DISABLE_AFTER = timedelta(days=5)
GONE = 410


@dataclass(frozen=True, slots=True)
class Delivered:
    """The destination accepted it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Another attempt after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """No further attempt. `is_gone`: the destination answered that it never wants another request."""

    is_gone: bool = False


Decision = Delivered | Retry | Failed


def decide(*, http_status: int | None, schedule_step: int, retry_after: float | None, jitter: float) -> Decision:
    """What follows from the attempt at this step of the schedule, counted from 1.

    `http_status` is None when there was no response; `retry_after` is in seconds, `jitter` between 0 and 1. Only 2xx
    is success: redirects are not followed, because the address they lead to was never checked.
    """
    if http_status is not None and 200 <= http_status < 300:  # noqa: PLR2004 — the class of success
        return Delivered()
    if http_status == GONE:
        return Failed(is_gone=True)
    if schedule_step >= LAST_STEP:
        return Failed()
    wait = SCHEDULE_SECONDS[schedule_step - 1] * (1 + JITTER_SHARE * jitter)
    requested = min(retry_after or 0.0, RETRY_AFTER_MAX_SECONDS)
    return Retry(max(wait, requested))


def must_disable(*, failing_for: timedelta) -> bool:
    """Whether an endpoint has failed, without one success, for so long that it is disabled."""
    return failing_for >= DISABLE_AFTER
