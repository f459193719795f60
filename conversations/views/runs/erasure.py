"""Forgetting the turns that nothing stores, soon after their readers have the answer: many in one statement."""

import asyncio

from conversations.services.runs import readers
from conversations.views.http import threadpool

# What a process that ends here leaves behind, the sweeper forgets.
GATHER_SECONDS = 0.25

_gathered: dict[asyncio.AbstractEventLoop, list[int]] = {}


def forget_soon(run_id: int) -> None:
    """Costs the turn next to nothing. Call it in the event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _gathered:
        _gathered[loop] = []
        loop.call_later(GATHER_SECONDS, _forget, loop)
    _gathered[loop].append(run_id)


def _forget(loop: asyncio.AbstractEventLoop) -> None:
    threadpool.call_later(readers.erase_unstored, run_ids=_gathered.pop(loop))
