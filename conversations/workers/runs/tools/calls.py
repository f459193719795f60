"""Carries out the calls of one step, several at once, and tells of each as it ends."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any, TypeVar

import structlog

from conversations.shares import SharedThreads
from conversations.values.tools import ToolDefinition, ToolOutcome
from conversations.workers.runs.process import RunHandle
from providers.errors import CallAborted

log = structlog.get_logger(__name__)

# Calls of one run at the same time.
AT_ONCE = 8
# How often a call that has no thread is tried again.
POLL_SECONDS = 0.1
NO_PLACE = "The tool was not called: too many calls of tools are being made at the moment."
BROKE = "The tool failed."

CallTool = Callable[..., ToolOutcome]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """`index`: of the call in its step."""

    index: int
    tool: ToolDefinition
    arguments: Mapping[str, Any]


class ToolCalls:
    """For one run, used by its thread. `call` never raises for what the outside does (`tools.callers.Callers`)."""

    def __init__(self, *, call: CallTool, threads: SharedThreads, handle: RunHandle, run_id: str) -> None:
        self._call = call
        self._threads = threads
        self._handle = handle
        self._run_id = run_id

    def make(self, planned: Sequence[PlannedCall], *, seconds: float) -> Iterator[list[tuple[int, ToolOutcome]]]:
        """The outcomes by index, those together that are there together. No call takes more than `seconds`.

        Raises CallAborted when the run is stopped; what is on its way then is left to its end.
        """
        waiting, running = list(planned), dict[int, Future[ToolOutcome]]()
        news, ends_at = Event(), time.monotonic() + seconds
        while waiting or running:
            news.clear()
            # Each time: whoever wrote an end down may have waited for the database, and be told of a stop instead.
            self._handle.attach(news.set)
            if self._handle.aborted_as is not None:
                raise CallAborted("The run was stopped while its tools were called.")
            lost = self._begin(waiting, running, news, ends_at)
            done = [(index, running.pop(index)) for index, future in list(running.items()) if future.done()]
            if ended := [*lost, *((index, self._outcome(future)) for index, future in done)]:
                yield ended
                # Whoever wrote them down may have been waiting: what came meanwhile is not missed.
                continue
            news.wait(POLL_SECONDS if waiting and len(running) < AT_ONCE else None)

    def _begin(
        self, waiting: list[PlannedCall], running: dict[int, "Future[ToolOutcome]"], news: Event, ends_at: float
    ) -> list[tuple[int, ToolOutcome]]:
        """Begins as many as there are places for; those whose time is over without a place."""
        lost = []
        while waiting and len(running) < AT_ONCE:
            planned, left = waiting[0], ends_at - time.monotonic()
            if left <= 0:
                lost.append((waiting.pop(0).index, ToolOutcome(NO_PLACE, is_error=True)))
                continue
            seconds = min(left, planned.tool.timeout_seconds)
            work = partial(self._call, planned.tool, planned.arguments, seconds=seconds)
            future = self._threads.begin(planned.tool.account_id, work)
            if future is None:
                break
            running[waiting.pop(0).index] = future
            future.add_done_callback(lambda _: news.set())
        return lost

    def _outcome(self, future: "Future[ToolOutcome]") -> ToolOutcome:
        try:
            return future.result()
        except Exception as exc:
            log.error("tool_call_broke", run_id=self._run_id, exc_info=exc)
            return ToolOutcome(BROKE, is_error=True)


def awaited(future: "Future[Result] | None", handle: RunHandle) -> Result | None:
    """Its result; None without one. Raises CallAborted when the run is stopped meanwhile, and what the work raises."""
    if future is None:
        return None
    news = Event()
    handle.attach(news.set)
    future.add_done_callback(lambda _: news.set())
    news.wait()
    if handle.aborted_as is not None:
        raise CallAborted("The run was stopped while its tools were looked up.")
    return future.result()
