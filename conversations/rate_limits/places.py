"""The places of runs that are active, renewed by the sweep."""

from collections.abc import Sequence
from dataclasses import dataclass

import redis

from conversations.rate_limits import scripts
from conversations.rate_limits.limiter import LEASE_MICROSECONDS
from conversations.stores import run_places

# Lost together with the places; it never expires.
MARKER = "parley:runs:marker"
# Runs that one script call renews; about two milliseconds.
BATCH = 500


@dataclass(frozen=True, slots=True)
class LimitedRun:
    """An active run whose key or account may only have so many."""

    run_id: str
    api_key_id: int
    account_id: int
    is_key_limited: bool
    is_account_limited: bool


def renew(client: redis.Redis, runs: Sequence[LimitedRun]) -> None:
    """Raises RedisError."""
    script = client.register_script(scripts.RENEW)
    # Once at least, for the marker.
    for start in range(0, max(1, len(runs)), BATCH):
        is_last = start + BATCH >= len(runs)
        args: list[str | int] = [int(is_last), LEASE_MICROSECONDS, run_places.FACTS_SECONDS]
        for run in runs[start : start + BATCH]:
            args += [run.run_id, run.api_key_id, run.account_id, int(run.is_key_limited), int(run.is_account_limited)]
        script(keys=[MARKER], args=args)
