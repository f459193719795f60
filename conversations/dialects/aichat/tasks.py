"""Turns whose asker does not wait (docs/contract A.9): the acknowledgement, the callback, and what polling tells.

AceData's SDK was made for pictures: a word of success inside `response`, without any URL, it reads as failure. So the
status stands outside of `response`, and inside stand `success` and the answer. A family whose answer is a document of
its own has that beside the text, also in the callback.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from conversations.dialects.aichat.errors import ERROR_TABLE
from conversations.errors import ParleyError
from conversations.values.requests import Operation
from conversations.values.runs import RunStatus
from providers.messages import Usage

# The words by which AceData's SDK judges a task, wherever inside `response` they stand.
JUDGED = ("status", "state")


@dataclass(frozen=True, slots=True)
class TaskState:
    """`error` is None for a turn that is answered or not over yet. Ids are public ones, times aware.

    `conversation_id` is "" for a turn of a family that gives none to what nothing stores; `is_stored` says whether a
    conversation of that id keeps the turn. `whole` is the JSON of the
    answer in the form of its family, where `is_worded` says that it has one; None until there is one, and on failure.
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
    is_worded: bool = False
    whole: bytes | None = None


def acknowledgement(state: TaskState) -> dict[str, Any]:
    """The same for a repeated request, whose task may be further by now."""
    return {
        "success": True,
        "task_id": state.task_id,
        "trace_id": state.trace_id,
        "id": state.conversation_id or None,
        "conversation_id": state.conversation_id or None,
        "status": "queued",
    }


def callback(state: TaskState) -> str:
    """The JSON of the POST to a callback URL: the whole answer, however long, or the error."""
    body = {"status": _word(state), **_outcome(state), **_whole(state, state.whole)}
    return orjson.dumps(body).decode()


def polled(state: TaskState) -> dict[str, Any]:
    """Times are seconds since 1970, as the vendor's task service tells them."""
    response = {**_outcome(state), **_whole(state, _unjudged(state.whole))} if state.status.is_terminal else None
    started, finished = _seconds(state.started_at), _seconds(state.finished_at)
    return {
        "_id": state.run_id,
        "id": state.task_id,
        "trace_id": state.trace_id,
        "type": state.operation.value,
        "application_id": None,
        "user_id": None,
        "credential_id": None,
        "status": _word(state),
        "created_at": _seconds(state.created_at),
        "started_at": started,
        "finished_at": finished,
        "elapsed": finished - started if started is not None and finished is not None else None,
        "request": {"model": state.model, "id": state.conversation_id or None},
        "response": response,
    }


def _outcome(state: TaskState) -> dict[str, Any]:
    return {
        "success": state.error is None,
        "task_id": state.task_id,
        "trace_id": state.trace_id,
        "id": state.conversation_id or None,
        "conversation_id": state.conversation_id or None,
        "answer": "" if state.error else state.text,
        "usage": _usage(state.usage) if state.usage and not state.error else None,
        "error": _error(state.error) if state.error else None,
    }


def _whole(state: TaskState, answer: bytes | None) -> dict[str, Any]:
    """As it is, not parsed: vectors can be many."""
    if not state.is_worded:
        return {}
    return {"response": None if answer is None else orjson.Fragment(answer)}


def _unjudged(answer: bytes | None) -> bytes | None:
    """The JSON without what makes the SDK read an answered task as failed: words that a vendor put into its answer.

    Quotes inside of strings are escaped, so that only a member's name is found.
    """
    if answer is None or not any(b'"%b":' % name.encode() in answer for name in JUDGED):
        return answer
    return orjson.dumps(_without_judged(orjson.loads(answer)))


def _without_judged(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_judged(item) for item in node]
    if isinstance(node, dict):
        is_judged = {name: name in JUDGED and isinstance(value, str) for name, value in node.items()}
        return {name: _without_judged(value) for name, value in node.items() if not is_judged[name]}
    return node


def _word(state: TaskState) -> str:
    if state.status.is_terminal:
        return "failed" if state.error else "succeeded"
    return "queued" if state.status is RunStatus.QUEUED else "processing"


def _usage(usage: Usage) -> Mapping[str, int]:
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _error(error: ParleyError) -> dict[str, str]:
    return {"code": ERROR_TABLE[error.code][1], "message": error.message}


def _seconds(at: datetime | None) -> float | None:
    return at.timestamp() if at else None
