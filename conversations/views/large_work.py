"""Threads for what large bodies cost: reading, checking and writing megabytes of JSON.

The event loop and the threads of `blocking.py` are everybody's, and one such body would hold them for a second. Here
an account has one piece of work under way at a time, so that nobody waits behind a row of somebody else's.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar
from weakref import WeakValueDictionary

from conversations.views import blocking

# They compute, and Python computes one thing at a time: more would only let the event loop wait longer for its go.
THREADS = 2

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="large")
# By account, for as long as it has work here. Waiters of a lock are served in their order.
_turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()


async def call(
    account_id: int, service: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    """As `blocking.call`, once what the account has under way here is done."""
    turn = _turns.setdefault(account_id, asyncio.Lock())
    await turn.acquire()
    loop = asyncio.get_running_loop()

    def is_done(_: object) -> None:
        # A loop that is closed has nobody left who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(turn.release)

    job = _threads.submit(partial(blocking.run, service, *args, **kwargs))
    # Not when this call ends: a caller that goes away ends no thread, and must not get a second one so.
    job.add_done_callback(is_done)
    return await asyncio.wrap_future(job)
