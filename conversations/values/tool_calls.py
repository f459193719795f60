"""What a run remembers of the tools that its model called: its steps, and the calls of each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from conversations.values.context.sources import Gathered
from conversations.values.tools import ToolOutcome
from providers.messages import Message, Part, Role, TextPart, ToolCallPart, ToolResultPart, Usage

# The result of a call of which that is all that is known.
UNKNOWN_RESULT = (
    "The service was interrupted while the tool worked. Nobody knows whether the call was carried out, so it was not "
    "made again."
)


class ToolCallStatus(StrEnum):
    """`requested`: not begun; it waits for its turn, or for somebody to agree. `approved`: somebody has.

    `unknown`: its process died while it ran, so nobody knows whether it was carried out. `refused`: it was never made.
    """

    REQUESTED = "requested"
    APPROVED = "approved"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"

    @property
    def is_over(self) -> bool:
        return self in (ToolCallStatus.DONE, ToolCallStatus.FAILED, ToolCallStatus.REFUSED, ToolCallStatus.UNKNOWN)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call of a tool of ours. `name` is what the model called; `tool_id` is "" where there is no such tool, and
    `remote_name` what the MCP server knows it as whose id that is.

    `result` is what the model is told of it, once it is over.
    """

    index: int
    call_id: str
    tool_id: str
    name: str
    arguments: str
    status: ToolCallStatus = ToolCallStatus.REQUESTED
    result: str = ""
    is_error: bool = False
    http_status: int | None = None
    seconds: float | None = None
    needs_approval: bool = False
    metadata: Mapping[str, Any] | None = None
    remote_name: str = ""

    @property
    def part(self) -> ToolCallPart:
        return ToolCallPart(self.call_id, self.name, self.arguments, self.metadata)

    @property
    def waits(self) -> bool:
        """For somebody to agree to it."""
        return self.needs_approval and self.status is ToolCallStatus.REQUESTED


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One answer of the model that calls tools of ours. `parts` are what else it holds, with calls of the caller's.

    `attempt` is the attempt of the run in which the model gave it. `context`: the sources that its model was shown, as
    they are kept with the step; None where they are those of the step before.
    """

    number: int
    attempt: int
    parts: tuple[Part, ...]
    calls: tuple[CallRecord, ...]
    metadata: Mapping[str, Any] | None = None
    usage: Usage | None = None
    target: str = ""
    context: Gathered | None = None

    @property
    def is_last(self) -> bool:
        """It also calls tools of the caller's, so the run ends with it."""
        return any(isinstance(part, ToolCallPart) for part in self.parts)

    @property
    def is_over(self) -> bool:
        return all(call.status.is_over for call in self.calls)

    def messages(self, *, note: str = "") -> tuple[Message, ...]:
        """As the model is sent them again. `note` is added to the last result."""
        parts = (*self.parts, *(call.part for call in self.calls))
        last = len(self.calls) - 1
        return (
            Message(Role.ASSISTANT, parts, provider_metadata=self.metadata),
            *(_told(call, note if at == last else "") for at, call in enumerate(self.calls)),
        )


def _told(call: CallRecord, note: str) -> Message:
    """In one text: not every vendor takes several."""
    text = f"{call.result}\n\n{note}" if note else call.result
    return Message(Role.TOOL, (ToolResultPart(call.call_id, (TextPart(text),), call.is_error),))


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How one call ended: with what its tool said, or without having been made."""

    index: int
    status: ToolCallStatus
    outcome: ToolOutcome = field(default_factory=lambda: ToolOutcome(""))


@dataclass(frozen=True, slots=True)
class RequiredCall:
    """A call of a tool that waits for somebody to agree to it. `arguments` is JSON, as the model wrote it."""

    id: str
    name: str
    arguments: str


def dump_required(calls: Iterable[RequiredCall]) -> list[dict[str, str]]:
    return [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in calls]


def load_required(records: Sequence[Mapping[str, str]]) -> tuple[RequiredCall, ...]:
    """Raises KeyError when it cannot be read."""
    return tuple(RequiredCall(record["id"], record["name"], record["arguments"]) for record in records)


def required_on_wire(run_id: str, calls: Sequence[RequiredCall]) -> dict[str, Any]:
    """What an answer has besides, in every family, where its run waits for approvals."""
    return {"status": "requires_action", "run_id": run_id, "required_action": {"tool_calls": dump_required(calls)}}
