"""Rows of ended runs, for readers whose log is gone: only a few are loaded at once, and readers share large ones."""

import asyncio
from collections.abc import Callable

from conversations.models import Run
from conversations.queries import runs as run_queries
from conversations.views.http import threadpool

# The reader of a large answer asks for its row again for each page, so the row is kept for that long.
KEEP_SECONDS = 5.0
MOST_KEPT = 2
# While it is loaded an answer takes several times its size in memory.
LOADED_AT_ONCE = 2
# A smaller answer is one page: its reader does not ask for the row again.
LARGE_CHARACTERS = 200_000


class EndedRuns:
    """Belongs to one event loop. `load` is called in a thread."""

    def __init__(self, load: Callable[[int], Run | None]) -> None:
        self._load = load
        self._capacity = asyncio.Semaphore(LOADED_AT_ONCE)
        self._loading: dict[int, asyncio.Task[Run | None]] = {}
        self._kept: dict[int, Run] = {}

    async def get(self, run_id: int) -> Run | None:
        """The run; None while it has not ended."""
        if (run := self._kept.get(run_id)) is not None:
            return run
        if run_id not in self._loading:
            self._loading[run_id] = asyncio.create_task(self._loaded(run_id))
        # A reader that is cancelled must not cancel the load for the others.
        return await asyncio.shield(self._loading[run_id])

    async def _loaded(self, run_id: int) -> Run | None:
        try:
            async with self._capacity:
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
