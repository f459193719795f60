"""Calls of one run: told of as they end, and left when the run is stopped."""

from collections.abc import Iterator
from threading import Event, Timer

import pytest

from conversations.rules.runs.run_states import AttemptOutcome
from conversations.shares import SharedThreads
from conversations.values.tools import ArgumentsIn, HttpEndpoint, ToolDefinition, ToolOutcome
from conversations.workers.runs.process import RunHandle
from conversations.workers.runs.tools.calls import PlannedCall, ToolCalls
from providers.errors import CallAborted

TOOL = ToolDefinition(1, "tool_1", "look", "", {}, HttpEndpoint("GET", "http://x.example", ArgumentsIn.QUERY))


@pytest.fixture
def may_end() -> Iterator[Event]:
    event = Event()
    yield event
    event.set()


def test_a_run_is_stopped_also_after_an_end_was_written_with_a_pause(may_end: Event) -> None:
    """While the database is away whoever writes an end waits by the handle, which then aborts that."""

    def call(_: ToolDefinition, arguments: dict[str, int], *, seconds: float) -> ToolOutcome:
        if arguments["n"]:
            assert may_end.wait(seconds)
        return ToolOutcome("done")

    handle = RunHandle(run_id=1, deadline=float("inf"))
    calls = ToolCalls(call=call, threads=SharedThreads(128, name="tool-call"), handle=handle, run_id="run_1")
    ended = calls.make([PlannedCall(0, TOOL, {"n": 0}), PlannedCall(1, TOOL, {"n": 1})], seconds=60)
    assert next(ended) == [(0, ToolOutcome("done"))]
    handle.wait(0.01)

    Timer(0.1, handle.abort, (AttemptOutcome.CANCELLED,)).start()

    with pytest.raises(CallAborted):
        next(ended)
    assert not may_end.is_set()
