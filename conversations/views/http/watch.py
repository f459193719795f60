"""What is looked into once for all who ask at about the same time."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)

# How long an answer serves. A bad one is looked into sooner.
GOOD_SECONDS = 1.0
BAD_SECONDS = 0.1


class Watch:
    """`look` tells what is missing; a change of that is logged as `event`. It belongs to one event loop."""

    def __init__(
        self, look: Callable[[], Awaitable[list[str]]], *, event: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look = look
        self._event = event
        self._clock = clock
        self._looking: asyncio.Task[list[str]] | None = None
        self._until = 0.0
        self._known: list[str] = []

    async def failing(self) -> list[str]:
        if self._looking is None or self._looking.done():
            if self._looking is not None and self._clock() < self._until:
                return self._known
            self._looking = asyncio.create_task(self._ask())
        # Whoever leaves lets the others have theirs.
        return await asyncio.shield(self._looking)

    async def _ask(self) -> list[str]:
        failing = await self._look()
        self._until = self._clock() + (BAD_SECONDS if failing else GOOD_SECONDS)
        if failing != self._known:
            self._known = failing
            log.warning(self._event, failing=",".join(failing) or "nothing")
        return failing
