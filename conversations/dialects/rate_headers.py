"""OpenAI's headers of what a key may still ask (docs/contract C.6), which `/aichat` sends as well."""

import math

MILLISECONDS = 1000
MINUTE_SECONDS = 60


def of_requests(*, limit: int, remaining: int, full_in: float) -> dict[str, str]:
    """`limit` a minute, `remaining` at once; `full_in` is in seconds."""
    return {
        "x-ratelimit-limit-requests": str(limit),
        "x-ratelimit-remaining-requests": str(remaining),
        "x-ratelimit-reset-requests": duration(full_in),
    }


def duration(seconds: float) -> str:
    """`17ms`, `1.5s`, `6m0s`: never too short, to the millisecond."""
    milliseconds = math.ceil(seconds * MILLISECONDS)
    if milliseconds < MILLISECONDS:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, MINUTE_SECONDS * MILLISECONDS)
    return (f"{minutes}m" if minutes else "") + f"{rest / MILLISECONDS:g}s"
