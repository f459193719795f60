"""The bounded thread pool in which async views call sync services. A database connection is held only during a call.

Every call gets its deadline before it is queued: when the database does not answer, the caller is refused after
`DATABASE_TIMEOUT`, also while it waits for a thread.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

import structlog
from django.conf import settings
from django.db import OperationalError, connection

from conversations.loop_local import LoopLocal
from conversations.stores import deadlines, refusals
from conversations.views.http.thread_shares import Share, ThreadShares

log = structlog.get_logger(__name__)

THREADS = 8

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="service")
_shares = LoopLocal(ThreadShares)
_background: set[asyncio.Task[Any]] = set()


async def call(service: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
    """Raises what the service raises, and OperationalError when it has not returned in time."""
    bounded = partial(run_until, deadlines.from_now(), service, *args, **kwargs)
    try:
        async with asyncio.timeout(settings.DATABASE_TIMEOUT) as patience:
            return await asyncio.get_running_loop().run_in_executor(_threads, bounded)
    except TimeoutError:
        if not patience.expired():
            raise
        raise OperationalError("The database did not answer in time.") from None


async def call_in_share(
    share: Share, service: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    """As `call`, for a service that may wait for a lock: it holds a thread only within the share of its account.

    Raises ServiceUnavailable when the share was not free in time, and what `call` raises. The deadline counts from now.
    """
    shares, ends_at = _shares.get(), deadlines.from_now()
    if not shares.try_take(share):
        # No longer than a statement may wait before it begins.
        await shares.take(share, seconds=settings.DATABASE_TIMEOUT * (1.0 - deadlines.MARGIN))
    try:
        async with asyncio.timeout(ends_at - time.monotonic()) as patience:
            bounded = partial(run_until, ends_at, service, *args, **kwargs)
            # The future gets no name in this frame (views/bodies/large_bodies.py).
            return await asyncio.wrap_future(_submit(bounded, partial(shares.give_back, share)))
    except TimeoutError:
        if not patience.expired():
            raise
        raise OperationalError("The database did not answer in time.") from None


def _submit(job: Callable[[], Result], on_end: Callable[[], None]) -> "Future[Result]":
    """Calls `on_end` when the thread is free again, not when the caller goes away: until then the thread is busy."""
    future = _threads.submit(job)
    future.add_done_callback(lambda _: on_end())
    return future


def call_later(service: Callable[Parameters, Any], *args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
    """Calls the service in the background: the current request does not wait for it."""
    task = asyncio.get_running_loop().create_task(call(service, *args, **kwargs))
    _background.add(task)
    task.add_done_callback(_ended)


def _ended(task: "asyncio.Task[Any]") -> None:
    """A failure is only logged: the sweep, or the next request, does what the call did not."""
    _background.discard(task)
    if not task.cancelled() and (exc := task.exception()):
        log.warning("background_call_failed", **refusals.facts(exc))


def run_until(
    ends_at: float, service: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    """Calls the service with this deadline (`stores/deadlines.py`), and closes the connection afterwards."""
    try:
        with deadlines.until(ends_at):
            return service(*args, **kwargs)
    finally:
        connection.close()
