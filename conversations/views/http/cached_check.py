"""A check of the stores that anybody may ask for: made once for all who ask at about the same time."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)

# How long a result is given out again. A bad one is checked sooner.
GOOD_SECONDS = 1.0
BAD_SECONDS = 0.1


class CachedCheck:
    """`check` returns the names of what fails; a change of them is logged as `event`. Belongs to one event loop."""

    def __init__(
        self, check: Callable[[], Awaitable[list[str]]], *, event: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._check = check
        self._event = event
        self._clock = clock
        self._running: asyncio.Task[list[str]] | None = None
        self._valid_until = 0.0
        self._known: list[str] = []

    async def failing(self) -> list[str]:
        """The names of what fails; none when all is well."""
        if self._running is None or self._running.done():
            if self._running is not None and self._clock() < self._valid_until:
                return self._known
            self._running = asyncio.create_task(self._run())
        # Shielded: a caller that goes away does not cancel the check that others wait for.
        return await asyncio.shield(self._running)

    async def _run(self) -> list[str]:
        failing = await self._check()
        self._valid_until = self._clock() + (BAD_SECONDS if failing else GOOD_SECONDS)
        if failing != self._known:
            self._known = failing
            log.warning(self._event, failing=",".join(failing) or "nothing")
        return failing
