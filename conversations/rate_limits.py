"""How much a key may ask for: counted in Redis for all web processes, by the arithmetic of GCRA.

A key has buckets: of runs, of other requests, of request bytes. Each holds a minute's share, and what is taken from it
comes back evenly. A request takes from two buckets: from both or, when one has too little left, from neither.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import redis.asyncio as redis
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from conversations.batching import Batcher

log = structlog.get_logger(__name__)

MINUTE_MICROSECONDS = 60_000_000
MICROSECONDS = 1_000_000
# A slower Redis is not waited for, and the request is let through.
COMMAND_TIMEOUT_SECONDS = 0.2
TAKE_TIMEOUT_SECONDS = 0.5

# A bucket is stored as the moment at which it will be full again, in microseconds of Redis's own clock; all numbers are
# whole. KEYS: two buckets for each request. ARGV, for each request: size and cost for either bucket, as the time in
# which that much comes back; and whether the request has happened already, so that it is counted though too little is
# left. Returns for each request: the time until its first bucket is full, and the time until both have enough for it,
# 0 when they had.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function look(key, size, cost)
  if cost == 0 then return now, 0 end
  local full_at = math.max(tonumber(redis.call('GET', key) or now), now)
  return full_at, math.max(full_at + cost - now - size, 0)
end

local function take(key, full_at, cost)
  if cost == 0 then return end
  redis.call('SET', key, string.format('%.0f', full_at + cost), 'PX', math.ceil((full_at + cost - now) / 1000))
end

local answers = {}
for i = 1, #KEYS, 2 do
  local size, cost, other_size, other_cost, has_happened = unpack(ARGV, (i - 1) / 2 * 5 + 1, (i + 1) / 2 * 5)
  cost, other_cost = tonumber(cost), tonumber(other_cost)
  local full_at, wait = look(KEYS[i], tonumber(size), cost)
  local other_full_at, other_wait = look(KEYS[i + 1], tonumber(other_size), other_cost)
  wait = math.max(wait, other_wait)
  if wait == 0 or has_happened == '1' then
    take(KEYS[i], full_at, cost)
    take(KEYS[i + 1], other_full_at, other_cost)
    full_at, wait = full_at + cost, 0
  end
  answers[#answers + 1] = {full_at - now, wait}
end
return answers
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a request takes: `amount` from a bucket of `per_minute`. 0 per minute means no limit."""

    bucket: str
    amount: int
    per_minute: int

    @property
    def interval(self) -> int:
        """The microseconds in which one comes back."""
        return MINUTE_MICROSECONDS // self.per_minute if self.per_minute else 0

    @property
    def size(self) -> int:
        """The microseconds in which the whole bucket comes back."""
        return self.interval * self.per_minute

    @property
    def microseconds(self) -> int:
        """In which `amount` comes back. More than a bucket holds takes all of it."""
        return min(self.interval * self.amount, self.size)


@dataclass(frozen=True, slots=True)
class Charge:
    """What one request takes. One that `has_happened` is counted, never refused; the next requests wait instead."""

    api_key_id: int
    cost: Cost
    other: Cost
    has_happened: bool = False


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of the first bucket after the request was counted.

    `limit`: per minute. `remaining`: how many could be taken at once. `full_in`: seconds until that is all of them.
    `retry_in`: seconds until the request would be let through; 0 when it was.
    """

    limit: int
    remaining: int
    full_in: float
    retry_in: float


def connect(url: str) -> redis.Redis:
    """A client with short timeouts."""
    return redis.Redis.from_url(
        url,
        socket_timeout=COMMAND_TIMEOUT_SECONDS,
        socket_connect_timeout=COMMAND_TIMEOUT_SECONDS,
        # One retry, for a connection that broke while it was idle.
        retry=Retry(NoBackoff(), 1),
    )


class Limiter:
    """One script call serves all requests that come at about the same time. Belongs to one event loop."""

    def __init__(self, client: redis.Redis) -> None:
        self._script = client.register_script(_TAKE)
        self._takes = Batcher(self._take_all)

    async def take(self, charge: Charge) -> Allowance | None:
        """Counts a request of the key. None when Redis does not answer in time: then nothing is refused."""
        try:
            async with asyncio.timeout(TAKE_TIMEOUT_SECONDS):
                return await self._takes.ask(charge)
        except TimeoutError:
            return None

    async def _take_all(self, charges: Sequence[Charge]) -> Sequence[Allowance | None]:
        keys, args = [], []
        for one in charges:
            for cost in (one.cost, one.other):
                keys.append(f"parley:{cost.bucket}:{one.api_key_id}")
                args += [cost.size, cost.microseconds]
            args.append(int(one.has_happened))
        try:
            counted = await self._script(keys=keys, args=args)
        except (RedisError, OSError) as exc:
            log.warning("requests_not_counted", error=type(exc).__name__, requests=len(charges))
            return [None] * len(charges)
        return [
            _allowance(one.cost, full_in, retry_in) for one, (full_in, retry_in) in zip(charges, counted, strict=True)
        ]


def _allowance(cost: Cost, full_in: int, retry_in: int) -> Allowance:
    remaining = max(0, cost.size - full_in) // cost.interval if cost.interval else 0
    return Allowance(cost.per_minute, remaining, full_in / MICROSECONDS, retry_in / MICROSECONDS)
