"""Threads for large bodies: parsing, checking and storing megabytes of JSON.

All requests share the event loop and the threads of `threadpool.py`, and one large body would hold them for a second.
Here an account has one job at a time, so that no account waits behind several jobs of another.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar
from weakref import WeakValueDictionary

from conversations.stores import deadlines
from conversations.views.http import threadpool

# Parsing holds the interpreter lock for as long as the body takes. With a second such thread the event loop would often
# wait for both before it runs again.
PARSING_THREADS = 1
# These mostly wait for the database, and each holds one of the few connections.
STORING_THREADS = 2

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_parsing = ThreadPoolExecutor(max_workers=PARSING_THREADS, thread_name_prefix="large-parsing")
_storing = ThreadPoolExecutor(max_workers=STORING_THREADS, thread_name_prefix="large-storing")
# One lock for each account that has a job here. A lock serves its waiters in their order.
_locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()


async def parse(
    account_id: int, parser: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    """Calls what computes and asks no database, once the account's earlier jobs are done."""
    return await _call(account_id, _parsing, partial(parser, *args, **kwargs))


async def store(
    account_id: int, service: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    """Calls a service as `threadpool.call` does, once the account's earlier jobs are done.

    The deadline of the call begins when a thread takes it up: before that it waits for other jobs, not for the
    database.
    """
    return await _call(
        account_id, _storing, lambda: threadpool.run_until(deadlines.from_now(), service, *args, **kwargs)
    )


async def _call(account_id: int, threads: ThreadPoolExecutor, job: Callable[[], Result]) -> Result:
    lock = _locks.setdefault(account_id, asyncio.Lock())
    await lock.acquire()
    # The future gets no name in this frame. With one, the traceback of the job's error would refer to the future, and
    # that to the error: such a circle keeps all that the job held until the garbage collector runs.
    return await asyncio.wrap_future(_submit(threads, job, lock))


def _submit(threads: ThreadPoolExecutor, job: Callable[[], Result], lock: asyncio.Lock) -> "Future[Result]":
    loop = asyncio.get_running_loop()

    def release(_: object) -> None:
        # In a closed loop nobody waits for the lock any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(lock.release)

    future = threads.submit(job)
    # Released when the job ends, not when its caller goes away: the thread is still busy then, and the account must not
    # get a second one.
    future.add_done_callback(release)
    return future
