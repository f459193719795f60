"""Takers: web processes that take of a key's limits."""

from dataclasses import dataclass
from typing import Any

import redis.asyncio as redis

from conversations.rate_limits.costs import Charge, Cost
from conversations.rate_limits.limiter import Limiter

KEY = 7
# One place comes back every 8.5 s: none does while a test takes them.
SLOW, SLOW_INTERVAL = 7, 60_000_000 // 7 / 1_000_000


@dataclass(frozen=True, slots=True)
class Taken:
    """What is known of the first bucket."""

    limit: int
    remaining: int
    full_in: float
    retry_in: float


class Taker:
    """A web process that takes of a bucket of `per_minute`, and of a second that has no limit unless one is given."""

    def __init__(self, client: redis.Redis, *, per_minute: int) -> None:
        self.limiter = Limiter(client)
        self._per_minute = per_minute

    async def take(
        self, key: int = KEY, *, amount: int = 1, other: int = 0, of_others: int = 0, has_happened: bool = False
    ) -> Taken | None:
        costs = (Cost(f"places:{key}", amount, self._per_minute), Cost(f"others:{key}", other, of_others))
        allowance = await self.limiter.take(Charge(costs, has_happened=has_happened))
        if allowance is None:
            return None
        left = allowance.left[0]
        return Taken(left.limit, left.remaining, left.full_in, allowance.retry_in)


async def take(one: Taker, key: int = KEY, **how: Any) -> Taken:
    taken = await one.take(key, **how)
    assert taken is not None
    return taken
