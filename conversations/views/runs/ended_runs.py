"""Rows of runs that are over, for readers who find no log any more: large ones are loaded by few and shared by many."""

import asyncio
from collections.abc import Callable

from conversations.models import Run
from conversations.queries import runs as run_queries
from conversations.views.http import threadpool

# Whoever reads a large answer takes it by pages and comes back for each: meanwhile the row stays here.
KEEP_SECONDS = 5.0
MOST_KEPT = 2
# An answer of megabytes is several times as large while it is loaded.
LOADED_AT_ONCE = 2
# A smaller one is told at once, and nobody comes back for it.
LARGE_CHARACTERS = 200_000


class EndedRuns:
    """Belongs to one event loop. `load` is called in a thread."""

    def __init__(self, load: Callable[[int], Run | None]) -> None:
        self._load = load
        self._room = asyncio.Semaphore(LOADED_AT_ONCE)
        self._loading: dict[int, asyncio.Task[Run | None]] = {}
        self._kept: dict[int, Run] = {}

    async def get(self, run_id: int) -> Run | None:
        """The run; None while it is not over."""
        if (run := self._kept.get(run_id)) is not None:
            return run
        if run_id not in self._loading:
            self._loading[run_id] = asyncio.create_task(self._loaded(run_id))
        # Whoever stops waiting leaves the others theirs.
        return await asyncio.shield(self._loading[run_id])

    async def _loaded(self, run_id: int) -> Run | None:
        try:
            async with self._room:
                run = await threadpool.call(self._load, run_id)
        finally:
            del self._loading[run_id]
        if run is not None and run_queries.answer_characters(run) > LARGE_CHARACTERS:
            self._keep(run)
        return run

    def _keep(self, run: Run) -> None:
        self._kept[run.pk] = run
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        asyncio.get_running_loop().call_later(KEEP_SECONDS, self._forget, run.pk, run)

    def _forget(self, run_id: int, run: Run) -> None:
        if self._kept.get(run_id) is run:
            del self._kept[run_id]
