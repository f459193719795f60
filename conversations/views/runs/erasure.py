"""Erasing the runs that nothing stores soon after their readers have the answer, many in one statement."""

import asyncio

from conversations.services.runs import readers
from conversations.views.http import threadpool

# How long run ids are gathered. Those of a process that ends meanwhile are erased by the sweep.
GATHER_SECONDS = 0.25

_gathered: dict[asyncio.AbstractEventLoop, list[int]] = {}


def on_leave(run_id: int, saw_end: bool) -> None:
    """For the only reader of a run that nothing stores: an answer that it has read is erased, any other is stopped.

    In the event loop.
    """
    if saw_end:
        _erase_soon(run_id)
    else:
        threadpool.call_later(readers.cancel_unread, run_id=run_id)


def _erase_soon(run_id: int) -> None:
    loop = asyncio.get_running_loop()
    if loop not in _gathered:
        _gathered[loop] = []
        loop.call_later(GATHER_SECONDS, _erase, loop)
    _gathered[loop].append(run_id)


def _erase(loop: asyncio.AbstractEventLoop) -> None:
    threadpool.call_later(readers.erase_unstored, run_ids=_gathered.pop(loop))
