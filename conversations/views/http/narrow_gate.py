"""A gate for what strangers may set off: few at once, a short line before it, and nobody else."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from conversations import errors

RETRY_AFTER_SECONDS = 1.0

Result = TypeVar("Result")


class NarrowGate:
    """It belongs to one event loop."""

    def __init__(self, *, at_once: int, in_line: int) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._room = at_once + in_line

    async def enter(self, act: Callable[[], Awaitable[Result]]) -> Result:
        """What `act` returns, once it is its turn. Raises ServiceUnavailable at once when the line is full."""
        if not self._room:
            raise errors.ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS)
        self._room -= 1
        try:
            async with self._places:
                return await act()
        finally:
            self._room += 1
