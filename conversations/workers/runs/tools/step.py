"""One step of a run: what is to become of each call of it, and the calls carried out."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from conversations.rules.runs import tool_calls as rules
from conversations.rules.runs.tool_calls import Repeats, UnusableArguments
from conversations.values.tool_calls import UNKNOWN_RESULT, CallEnd, CallRecord, StepRecord, ToolCallStatus
from conversations.values.tools import ToolDefinition, ToolOutcome
from conversations.workers.runs.tools.calls import PlannedCall, ToolCalls
from conversations.workers.runs.tools.store import StepStore
from providers.messages import ToolCallPart

NAME_MAX_CHARS = 128
SHOWN_CHARS = 200
NOTHING = "[The tool returned nothing.]"
NO_TOOL = "There is no tool of the name {name}."
GONE = "The tool is not there any more."
UNUSABLE = "The tool was not called. {problem} They begin with: {beginning}"
REPEATED = "[The same call was made before. This is its result from then:]\n{result}"
TOO_OFTEN = "The tool was not called again: the same call was made twice before."


class Steps:
    """Of one attempt, used by its thread.

    `seconds` were spent with tools. `why_no_more`: the model is stuck, so it should not be asked with tools again.
    """

    def __init__(
        self,
        *,
        tools: Mapping[str, ToolDefinition],
        calls: ToolCalls,
        store: StepStore,
        why_not_wait: Callable[[], str],
    ) -> None:
        """`why_not_wait`: what the model is told where the run cannot wait for an approval, "" where it can."""
        self._tools = tools
        self._why_not_wait = why_not_wait
        self._calls = calls
        self._store = store
        self._repeats = Repeats()
        self.seconds = 0.0
        self.why_no_more: str | None = None

    def take(self, step: StepRecord, written: Sequence[ToolCallPart], *, seconds: float) -> StepRecord:
        """A new step with the calls that the model wrote, carried out. Raises as `StepStore` and `ToolCalls`."""
        planned = [self._planned(index, part) for index, part in enumerate(written)]
        step = replace(step, calls=tuple(planned))
        self._store.add(step)
        return self._carried_out(step, seconds=seconds)

    def take_up(self, step: StepRecord, *, seconds: float) -> StepRecord:
        """A step of an earlier attempt, carried out to its end. Raises as `take`."""
        calls = tuple(map(self._taken_up, step.calls))
        over = [
            _end_of(new) for old, new in zip(step.calls, calls, strict=True) if old is not new and new.status.is_over
        ]
        self._store.end(step.number, over)
        step = replace(step, calls=calls)
        self._store.begin(step.number, [call.index for call in calls if call.status is ToolCallStatus.RUNNING])
        return self._carried_out(step, seconds=seconds)

    def _planned(self, index: int, part: ToolCallPart) -> CallRecord:
        tool = self._tools.get(part.name)
        call = CallRecord(
            index=index,
            call_id=part.call_id,
            tool_id=tool.id if tool else "",
            remote_name=tool.remote_name if tool else "",
            name=part.name[:NAME_MAX_CHARS],
            arguments=part.arguments.strip() or rules.NO_ARGUMENTS,
            metadata=part.provider_metadata,
            needs_approval=tool.needs_approval if tool else False,
        )
        if tool is None:
            return _failed(call, NO_TOOL.format(name=call.name))
        try:
            given = rules.arguments(part.arguments)
        except UnusableArguments as exc:
            beginning = part.arguments[:SHOWN_CHARS]
            # Vendors refuse a conversation that holds such a call.
            call = replace(call, arguments=rules.NO_ARGUMENTS)
            return _failed(call, UNUSABLE.format(problem=exc.message, beginning=beginning))
        if call.needs_approval and (why := self._why_not_wait()):
            return replace(call, status=ToolCallStatus.REFUSED, result=why, is_error=True)
        return self._unless_repeated(call, given)

    def _unless_repeated(self, call: CallRecord, given: Mapping[str, Any]) -> CallRecord:
        times = self._repeats.count(call.name, given)
        first = self._repeats.first(call.name, given)
        if first is None:
            return call if call.needs_approval else replace(call, status=ToolCallStatus.RUNNING)
        if times > rules.SAME_CALLS_MAX:
            self.why_no_more = f"the same call of {call.name} was made {times} times"
            return _failed(call, TOO_OFTEN)
        result, is_error = first
        status = ToolCallStatus.FAILED if is_error else ToolCallStatus.DONE
        return replace(call, status=status, result=REPEATED.format(result=result), is_error=is_error)

    def _taken_up(self, call: CallRecord) -> CallRecord:
        tool = self._tools.get(call.name)
        if call.status.is_over or call.waits:
            return call
        # Where the list of a server is another by now, the name may be another tool's: that one nobody has called.
        if tool is None or (tool.id, tool.remote_name) != (call.tool_id, call.remote_name):
            return _failed(call, GONE)
        if call.status is ToolCallStatus.RUNNING and not tool.is_idempotent:
            return replace(call, status=ToolCallStatus.UNKNOWN, result=UNKNOWN_RESULT, is_error=True)
        return replace(call, status=ToolCallStatus.RUNNING)

    def _carried_out(self, step: StepRecord, *, seconds: float) -> StepRecord:
        calls = {call.index: call for call in step.calls}
        planned = [
            PlannedCall(call.index, self._tools[call.name], rules.arguments(call.arguments))
            for call in step.calls
            if call.status is ToolCallStatus.RUNNING
        ]
        began = time.monotonic()
        try:
            for outcomes in self._calls.make(planned, seconds=seconds) if planned else ():
                ended = [_ended(index, outcome) for index, outcome in outcomes]
                self._store.end(step.number, ended)
                calls |= {one.index: _with_end(calls[one.index], one) for one in ended}
        finally:
            self.seconds += time.monotonic() - began
        step = replace(step, calls=tuple(calls.values()))
        self._remember(step)
        return step

    def _remember(self, step: StepRecord) -> None:
        for call in step.calls:
            if call.tool_id and call.status.is_over:
                self._repeats.note(call.name, rules.arguments(call.arguments), (call.result, call.is_error))


def _failed(call: CallRecord, result: str) -> CallRecord:
    return replace(call, status=ToolCallStatus.FAILED, result=result, is_error=True)


def _ended(index: int, outcome: ToolOutcome) -> CallEnd:
    if not outcome.text:
        outcome = replace(outcome, text=NOTHING)
    return CallEnd(index, ToolCallStatus.FAILED if outcome.is_error else ToolCallStatus.DONE, outcome)


def _with_end(call: CallRecord, end: CallEnd) -> CallRecord:
    outcome = end.outcome
    return replace(
        call,
        status=end.status,
        result=outcome.text,
        is_error=outcome.is_error,
        http_status=outcome.status,
        seconds=outcome.seconds,
    )


def _end_of(call: CallRecord) -> CallEnd:
    return CallEnd(call.index, call.status, ToolOutcome(call.result, is_error=call.is_error))
