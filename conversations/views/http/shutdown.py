"""A web process that is told to stop: callers that wait for a whole answer are refused at once, with their run's id."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any

from conversations import errors

RETRY_AFTER_SECONDS = 2.0

_waiting: set[asyncio.Task[Any]] = set()
_is_stopping = False


@contextmanager
def waiting() -> Iterator[None]:
    """Around a wait that ends when this process is told to stop. Raises ServiceUnavailable then."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 — only async views wait here
    _watch_signals()
    if _is_stopping:
        raise _restarting()
    _waiting.add(task)
    try:
        yield
    except asyncio.CancelledError:
        if _is_stopping and task.uncancel() == 0:
            raise _restarting() from None
        raise
    finally:
        _waiting.discard(task)


def _restarting() -> errors.ServiceUnavailable:
    return errors.ServiceUnavailable(
        "The service is restarting. The run goes on; its id is in X-Run-Id.", retry_after=RETRY_AFTER_SECONDS
    )


@cache
def _watch_signals() -> None:
    """Handles the signals that stop the web server, and passes them on to its handlers.

    Called by the first wait: the web server sets its handlers when it starts, and would replace ours.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        _chain(number)


def _chain(number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def on_signal(signum: int, frame: FrameType | None) -> None:
        _stop()
        if callable(before):
            before(signum, frame)

    signal.signal(number, on_signal)


def _stop() -> None:
    global _is_stopping  # noqa: PLW0603 — a process stops once
    _is_stopping = True
    for task in list(_waiting):
        task.get_loop().call_soon_threadsafe(task.cancel)
