"""How much a key may ask for: counted in Redis for all web processes, by the arithmetic of GCRA.

A key has buckets: of questions, of other requests, of request bytes. Each has room for a minute's share, and what is
taken of it comes back evenly. A request takes of two of them: of both or, when one has too little left, of none.
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
# A Redis that is slower than this is not waited for: the request is let through.
COMMAND_TIMEOUT_SECONDS = 0.2
TAKE_TIMEOUT_SECONDS = 0.5

# Kept for a bucket is the moment at which it will be full again, in microseconds of Redis's own clock; all numbers are
# whole. KEYS: two buckets for each request. ARGV: for each request the size of either bucket and the price to take of
# it, as the time in which they come back; and whether it has happened already, then it is taken although it lacks.
# Returns for each request: until the first bucket is full; until both have room for it, when they had not.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function look(key, size, price)
  if price == 0 then return now, 0 end
  local full_at = math.max(tonumber(redis.call('GET', key) or now), now)
  return full_at, math.max(full_at + price - now - size, 0)
end

local function take(key, full_at, price)
  if price == 0 then return end
  redis.call('SET', key, string.format('%.0f', full_at + price), 'PX', math.ceil((full_at + price - now) / 1000))
end

local answers = {}
for i = 1, #KEYS, 2 do
  local size, price, other_size, other_price, has_happened = unpack(ARGV, (i - 1) / 2 * 5 + 1, (i + 1) / 2 * 5)
  price, other_price = tonumber(price), tonumber(other_price)
  local full_at, wait = look(KEYS[i], tonumber(size), price)
  local other_full_at, other_wait = look(KEYS[i + 1], tonumber(other_size), other_price)
  wait = math.max(wait, other_wait)
  if wait == 0 or has_happened == '1' then
    take(KEYS[i], full_at, price)
    take(KEYS[i + 1], other_full_at, other_price)
    full_at, wait = full_at + price, 0
  end
  answers[#answers + 1] = {full_at - now, wait}
end
return answers
"""


@dataclass(frozen=True, slots=True)
class Price:
    """What a request takes: `amount` of a bucket that has `per_minute` of them. 0 a minute means without a limit."""

    bucket: str
    amount: int
    per_minute: int

    @property
    def interval(self) -> int:
        """How long one of them takes to come back, in microseconds."""
        return MINUTE_MICROSECONDS // self.per_minute if self.per_minute else 0

    @property
    def size(self) -> int:
        """Of the whole bucket, in microseconds."""
        return self.interval * self.per_minute

    @property
    def microseconds(self) -> int:
        """In which all that is taken has come back. What is more than a bucket holds takes a whole one."""
        return min(self.interval * self.amount, self.size)


@dataclass(frozen=True, slots=True)
class Purchase:
    """What one request takes. One that `has_happened` is counted, never refused: those that follow wait for it."""

    api_key_id: int
    price: Price
    other: Price
    has_happened: bool = False


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of the first bucket, the request just counted. `full_in` and `retry_in` are in seconds.

    `limit` a minute; `remaining` could be taken at once; `full_in`: until all of them could. `retry_in` is 0 for a
    request that is let through.
    """

    limit: int
    remaining: int
    full_in: float
    retry_in: float


def connect(url: str) -> redis.Redis:
    """A client that gives up soon."""
    return redis.Redis.from_url(
        url,
        socket_timeout=COMMAND_TIMEOUT_SECONDS,
        socket_connect_timeout=COMMAND_TIMEOUT_SECONDS,
        # Once, for a connection that broke while nobody used it.
        retry=Retry(NoBackoff(), 1),
    )


class Limiter:
    """One script call serves all who ask at about the same time, over one connection. It belongs to one event loop."""

    def __init__(self, client: redis.Redis) -> None:
        self._script = client.register_script(_TAKE)
        self._takes = Batcher(self._take_all)

    async def take(self, purchase: Purchase) -> Allowance | None:
        """Counts a request of the key. None when Redis does not tell in time: then nothing is refused."""
        try:
            async with asyncio.timeout(TAKE_TIMEOUT_SECONDS):
                return await self._takes.ask(purchase)
        except TimeoutError:
            return None

    async def _take_all(self, purchases: Sequence[Purchase]) -> Sequence[Allowance | None]:
        keys, args = [], []
        for one in purchases:
            for price in (one.price, one.other):
                keys.append(f"parley:{price.bucket}:{one.api_key_id}")
                args += [price.size, price.microseconds]
            args.append(int(one.has_happened))
        try:
            counted = await self._script(keys=keys, args=args)
        except (RedisError, OSError) as exc:
            log.warning("requests_not_counted", error=type(exc).__name__, requests=len(purchases))
            return [None] * len(purchases)
        return [
            _allowance(one.price, full_in, retry_in)
            for one, (full_in, retry_in) in zip(purchases, counted, strict=True)
        ]


def _allowance(price: Price, full_in: int, retry_in: int) -> Allowance:
    remaining = max(0, price.size - full_in) // price.interval if price.interval else 0
    return Allowance(price.per_minute, remaining, full_in / MICROSECONDS, retry_in / MICROSECONDS)
