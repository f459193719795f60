"""How many requests a key may make: counted in Redis for all web processes, by the arithmetic of GCRA.

A key has room for a minute's requests. Each takes a place, places come back evenly, and what is refused takes none.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import redis.asyncio as redis
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from conversations.relay.together import Together

log = structlog.get_logger(__name__)

MINUTE_MICROSECONDS = 60_000_000
MICROSECONDS = 1_000_000
# A Redis that is slower than this is not waited for: the request is let through.
COMMAND_TIMEOUT_SECONDS = 0.2
TAKE_TIMEOUT_SECONDS = 0.5

# Kept is the moment at which all places will be free, in microseconds of Redis's own clock; all numbers are whole.
# KEYS: one for each request. ARGV: how long a place takes to come back, how many there are.
# Returns for each request: places left, until all are free, until one is when there was none.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, places = tonumber(ARGV[1]), tonumber(ARGV[2])
local answers = {}
for _, key in ipairs(KEYS) do
  local free_at = math.max(tonumber(redis.call('GET', key) or now), now)
  local room = interval * places - (free_at - now)
  local wait = 0
  if room < interval then
    wait = interval - room
  else
    free_at = free_at + interval
    room = room - interval
    redis.call('SET', key, string.format('%.0f', free_at), 'PX', math.ceil((free_at - now) / 1000))
  end
  answers[#answers + 1] = {math.floor(room / interval), free_at - now, wait}
end
return answers
"""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key may still do, the request just counted. `full_in` and `retry_in` are in seconds.

    `limit` requests a minute; `remaining` could be made at once; `full_in`: until all of them could. `retry_in` is 0
    for a request that is let through.
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

    def __init__(self, client: redis.Redis, *, per_minute: int) -> None:
        self._per_minute = per_minute
        self._script = client.register_script(_TAKE)
        self._takes = Together(self._take_all)

    async def take(self, api_key_id: int) -> Allowance | None:
        """Counts a request of the key. None when Redis does not tell in time: then nothing is refused."""
        try:
            async with asyncio.timeout(TAKE_TIMEOUT_SECONDS):
                return await self._takes.ask(api_key_id)
        except TimeoutError:
            return None

    async def _take_all(self, api_key_ids: Sequence[int]) -> Sequence[Allowance | None]:
        keys = [f"parley:requests:{api_key_id}" for api_key_id in api_key_ids]
        try:
            counted = await self._script(keys=keys, args=[MINUTE_MICROSECONDS // self._per_minute, self._per_minute])
        except (RedisError, OSError) as exc:
            log.warning("requests_not_counted", error=type(exc).__name__, requests=len(keys))
            return [None] * len(keys)
        return [
            Allowance(self._per_minute, remaining, full_in / MICROSECONDS, retry_in / MICROSECONDS)
            for remaining, full_in, retry_in in counted
        ]
