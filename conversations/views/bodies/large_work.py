"""Threads for what large bodies cost: reading, checking and writing megabytes of JSON.

The event loop and the threads of `threadpool.py` are everybody's, and one such body would hold them for a second. Here
an account has one piece of work under way at a time, so that nobody waits behind a row of somebody else's.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar
from weakref import WeakValueDictionary

from conversations import deadlines
from conversations.views.http import threadpool

# Those who read hold the interpreter for as long as a body takes to parse. With a second one the event loop would often
# wait for both before its next go.
READING_THREADS = 1
# These mostly wait for the database, with a connection of the few there are.
STORING_THREADS = 2

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_reading = ThreadPoolExecutor(max_workers=READING_THREADS, thread_name_prefix="large-reading")
_storing = ThreadPoolExecutor(max_workers=STORING_THREADS, thread_name_prefix="large-storing")
# By account, for as long as it has work here. Waiters of a lock are served in their order.
_turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()


async def read(
    account_id: int, reader: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    """Calls what computes, and asks no database, once what the account has under way here is done."""
    return await _call(account_id, _reading, partial(reader, *args, **kwargs))


async def store(
    account_id: int, service: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    """Calls a service as `threadpool.call` does, once what the account has under way here is done.

    What waits for a thread has its whole time still before it: here others are waited for, not only the database.
    """
    return await _call(account_id, _storing, lambda: threadpool.run_until(deadlines.fixed(), service, *args, **kwargs))


async def _call(account_id: int, threads: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
    turn = _turns.setdefault(account_id, asyncio.Lock())
    await turn.acquire()
    # The job has no name here: with one, its error's traceback would lead back to it, and with it to all that the work
    # had in its hands, until some day the garbage is collected.
    return await asyncio.wrap_future(_begin(threads, work, turn))


def _begin(threads: ThreadPoolExecutor, work: Callable[[], Result], turn: asyncio.Lock) -> "Future[Result]":
    loop = asyncio.get_running_loop()

    def is_done(_: object) -> None:
        # A loop that is closed has nobody left who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(turn.release)

    job = threads.submit(work)
    # Not when its caller ends: one that goes away ends no thread, and must not get a second one so.
    job.add_done_callback(is_done)
    return job
