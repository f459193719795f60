"""A bulkhead: a bounded number of calls at once, and a bounded queue before them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from conversations import errors

RETRY_AFTER_SECONDS = 1.0

Result = TypeVar("Result")


class Bulkhead:
    """Belongs to one event loop."""

    def __init__(self, *, max_concurrent: int, max_queued: int) -> None:
        self._concurrent = asyncio.Semaphore(max_concurrent)
        self._capacity = max_concurrent + max_queued

    async def call(self, act: Callable[[], Awaitable[Result]]) -> Result:
        """What `act` returns, once its turn has come. Raises ServiceUnavailable at once when the queue is full."""
        if not self._capacity:
            raise errors.ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS)
        self._capacity -= 1
        try:
            async with self._concurrent:
                return await act()
        finally:
            self._capacity += 1
