"""The bounded threads in which async views call sync services. A database connection is held no longer than a call."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

import structlog
from django.db import connection

from conversations import refusals

log = structlog.get_logger(__name__)

THREADS = 8

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="service")
_background: set[asyncio.Task[Any]] = set()


async def call(service: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
    return await asyncio.get_running_loop().run_in_executor(_threads, partial(run, service, *args, **kwargs))


def call_later(service: Callable[Parameters, Any], *args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
    """Calls the service without letting the current request wait for it."""
    task = asyncio.get_running_loop().create_task(call(service, *args, **kwargs))
    _background.add(task)
    task.add_done_callback(_ended)


def _ended(task: "asyncio.Task[Any]") -> None:
    """Nobody waits for it; what it was to do is done by the sweeper, or with the next request."""
    _background.discard(task)
    if not task.cancelled() and (exc := task.exception()):
        log.warning("background_call_failed", **refusals.facts(exc))


def run(service: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
    """What every thread of ours does with a service."""
    try:
        return service(*args, **kwargs)
    finally:
        connection.close()
