"""Whether Redis takes writes. A run whose caller waits needs it twice: to wake a worker, and to bring the answer back.

Without Redis no such run is accepted: nobody would be woken, and its caller would wait in vain. A run that is polled
later is accepted: its row waits until Redis is back.
"""

import asyncio
import time

from redis.exceptions import RedisError

from conversations import errors
from conversations.loop_local import LoopLocal
from conversations.views.http.cached_check import CachedCheck
from conversations.views.http.follower import follower

# Long enough for a Redis that is being restarted.
PATIENCE_SECONDS = 3.0
TRY_AGAIN_SECONDS = 0.2
RETRY_AFTER_SECONDS = 5.0


async def require_writes() -> None:
    """Raises ServiceUnavailable when Redis has taken no write for PATIENCE_SECONDS."""
    if await _check.get().failing():
        raise errors.ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS)


async def _failing() -> list[str]:
    until = time.monotonic() + PATIENCE_SECONDS
    while not await _takes_writes(within=until - time.monotonic()):
        if time.monotonic() + TRY_AGAIN_SECONDS > until:
            return ["redis"]
        await asyncio.sleep(TRY_AGAIN_SECONDS)
    return []


async def _takes_writes(*, within: float) -> bool:
    try:
        async with asyncio.timeout(within):
            return await follower().takes_writes()
    except (RedisError, OSError, TimeoutError):
        return False


_check = LoopLocal(lambda: CachedCheck(_failing, event="turns_need_redis"))
