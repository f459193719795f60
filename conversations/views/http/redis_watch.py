"""Whether Redis takes what a turn needs of it: the wake-up for a worker, and the answer on its way back.

A turn that waits for its answer is not accepted without it: nobody would be woken, and its asker would wait for nothing
they can see. One that is polled later is: its row waits until Redis is back.
"""

import asyncio
import time

from redis.exceptions import RedisError

from conversations import errors
from conversations.loop_local import LoopLocal
from conversations.views.http.watch import Watch
from conversations.views.runs import reader

# A Redis that is being restarted is waited for.
PATIENCE_SECONDS = 3.0
TRY_AGAIN_SECONDS = 0.2
RETRY_AFTER_SECONDS = 5.0


async def check() -> None:
    """Raises ServiceUnavailable when Redis has taken nothing for PATIENCE_SECONDS."""
    if await _watch.get().failing():
        raise errors.ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS)


async def _missing() -> list[str]:
    until = time.monotonic() + PATIENCE_SECONDS
    while not await _takes_writes(within=until - time.monotonic()):
        if time.monotonic() + TRY_AGAIN_SECONDS > until:
            return ["redis"]
        await asyncio.sleep(TRY_AGAIN_SECONDS)
    return []


async def _takes_writes(*, within: float) -> bool:
    try:
        async with asyncio.timeout(within):
            return await reader.follower().takes_writes()
    except (RedisError, OSError, TimeoutError):
        return False


_watch = LoopLocal(lambda: Watch(_missing, event="turns_need_redis"))
