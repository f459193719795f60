"""OpenAI's headers that say how many requests a key has left (docs/contract C.6); `/aichat` sends them as well."""

import math

MILLISECONDS = 1000
MINUTE_SECONDS = 60


def of_requests(*, limit: int, remaining: int, full_in: float) -> dict[str, str]:
    """`limit` requests a minute, `remaining` right now; `full_in`: seconds until `remaining` is at its most again."""
    return {
        "x-ratelimit-limit-requests": str(limit),
        "x-ratelimit-remaining-requests": str(remaining),
        "x-ratelimit-reset-requests": duration(full_in),
    }


def duration(seconds: float) -> str:
    """Written as `17ms`, `1.5s` or `6m0s`, rounded up to the millisecond."""
    milliseconds = math.ceil(seconds * MILLISECONDS)
    if milliseconds < MILLISECONDS:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, MINUTE_SECONDS * MILLISECONDS)
    return (f"{minutes}m" if minutes else "") + f"{rest / MILLISECONDS:g}s"
