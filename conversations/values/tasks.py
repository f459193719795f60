"""What became of a task: a turn whose caller does not wait for the answer."""

from dataclasses import dataclass
from datetime import datetime

from conversations.errors import ParleyError
from conversations.values.context.sources import NOT_SOURCED, Sourced
from conversations.values.requests import Operation
from conversations.values.runs import RunStatus
from providers.messages import Usage


@dataclass(frozen=True, slots=True)
class TaskState:
    """Ids are public ones, times aware. `error` is None for a turn that was answered, or has not ended.

    `conversation_id` is "" where the family gives none to a turn that nothing stores; `is_stored` says whether a
    conversation of that id keeps the turn. `document` is the JSON of the answer in the form of its family, where
    `has_document` says that the family has one; None before the end, and on failure.
    """

    task_id: str
    run_id: str
    trace_id: str
    conversation_id: str
    is_stored: bool
    model: str
    status: RunStatus
    operation: Operation
    text: str
    usage: Usage | None
    error: ParleyError | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    has_document: bool = False
    document: bytes | None = None
    sourced: Sourced = NOT_SOURCED
