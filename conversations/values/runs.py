"""The events of a run and how it ended: workers make them, the relay carries them, dialects write them to the wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from conversations.values.context.sources import NOT_SOURCED, Sourced
from conversations.values.requests import Operation
from conversations.values.tool_calls import RequiredCall
from providers.events import StreamEvent
from providers.messages import Usage


class RunStatus(StrEnum):
    """`requires_action`: calls of tools wait for somebody to agree to them; nothing else goes on until then."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    REQUIRES_ACTION = "requires_action"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INCOMPLETE = "incomplete"

    @property
    def is_terminal(self) -> bool:
        return self not in (RunStatus.QUEUED, RunStatus.IN_PROGRESS, RunStatus.REQUIRES_ACTION)


ACTIVE = (RunStatus.QUEUED.value, RunStatus.IN_PROGRESS.value, RunStatus.REQUIRES_ACTION.value)


class Format(StrEnum):
    """How an answer is sent; also the values of `?format=` where a run is resumed."""

    JSON = "json"
    NDJSON = "ndjson"
    SSE = "sse"


@dataclass(frozen=True, slots=True)
class ReplyContext:
    """What an answer's wire form needs besides its events; the same when a run is resumed or replayed.

    Ids are public ones. `reply` is what the dialect kept of the request (`RunRequest.reply`).
    """

    run_id: str
    conversation_id: str
    is_stored: bool
    model: str
    trace_id: str
    operation: Operation = Operation.CHAT
    reply: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The last event of every run, and of its attempt where it waits for approvals: then `required` are what for.

    `error_code` is a code of `conversations.errors` unless the run completed.

    `error_facts` is what that error says besides its message (`ParleyError.facts`). `sourced` is what an answer says of
    its sources; an end without an answer has none. `cost` is what the run has cost so far, in a family that shows it.
    """

    status: RunStatus
    finish_reasons: tuple[str, ...] = ()
    usage: Usage | None = None
    error_code: str = ""
    error_message: str = ""
    error_facts: Mapping[str, Any] = field(default_factory=dict)
    sourced: Sourced = NOT_SOURCED
    required: tuple[RequiredCall, ...] = ()
    cost: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One numbered item of a run's output: positions count from 1 without a gap within an attempt."""

    position: int
    event: StreamEvent | RunEnded


@dataclass(frozen=True, slots=True)
class Restarted:
    """The run was begun anew under another attempt, so the events that its reader has had no longer count.

    `position` is that of the first event after it.
    """

    position: int


@dataclass(frozen=True, slots=True)
class Move:
    """A target that failed: the run went on to another one, or failed with it. `seconds`: how long it took."""

    target: str
    reason: str
    status: int | None
    seconds: float

    def as_json(self) -> dict[str, Any]:
        facts = {"target": self.target, "reason": self.reason, "status": self.status, "seconds": self.seconds}
        return {name: value for name, value in facts.items() if value is not None}
