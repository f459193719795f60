"""OpenAI's headers that say how much a key has left (docs/contract C.6); `/aichat` sends them as well."""

import math
from enum import StrEnum

MILLISECONDS = 1000
MINUTE_SECONDS = 60


class Names(StrEnum):
    """What is counted: the end of each header's name."""

    REQUESTS = "requests"
    TOKENS = "tokens"


def of(what: Names, *, limit: int, remaining: int, full_in: float) -> dict[str, str]:
    """`limit` in a minute, `remaining` right now; `full_in`: seconds until `remaining` is at its most again."""
    return {
        f"x-ratelimit-limit-{what}": str(limit),
        f"x-ratelimit-remaining-{what}": str(remaining),
        f"x-ratelimit-reset-{what}": duration(full_in),
    }


def duration(seconds: float) -> str:
    """Written as `17ms`, `1.5s` or `6m0s`, rounded up to the millisecond."""
    milliseconds = math.ceil(seconds * MILLISECONDS)
    if milliseconds < MILLISECONDS:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, MINUTE_SECONDS * MILLISECONDS)
    return (f"{minutes}m" if minutes else "") + f"{rest / MILLISECONDS:g}s"
