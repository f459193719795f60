"""Tasks (docs/contract A.9): the acknowledgement, the callback, and the answer to polling.

AceData's SDK was made for pictures: where `response` says success by a status but holds no URL, it reads a failure. So
`response` holds `success` and the answer, and the status is beside it. A family whose answer is a document has that
document beside the text, also in the callback.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from conversations.dialects.api import errors, sources
from conversations.errors import ParleyError
from conversations.values.runs import RunStatus
from conversations.values.tasks import TaskState
from providers.messages import Usage

# The members by which AceData's SDK judges a task, wherever they are inside `response`.
STATUS_MEMBERS = ("status", "state")


def acknowledgement(state: TaskState) -> dict[str, Any]:
    """The same for a repeated request, although its task may have begun or ended by then."""
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
    body = {"status": _status(state), **_outcome(state), **_document(state, state.document)}
    return orjson.dumps(body).decode()


def polled(state: TaskState) -> dict[str, Any]:
    """Times are seconds since 1970, as in the vendor's task service."""
    response = (
        {**_outcome(state), **_document(state, _without_status(state.document))} if state.status.is_terminal else None
    )
    started, finished = _seconds(state.started_at), _seconds(state.finished_at)
    return {
        "_id": state.run_id,
        "id": state.task_id,
        "trace_id": state.trace_id,
        "type": state.operation.value,
        "application_id": None,
        "user_id": None,
        "credential_id": None,
        "status": _status(state),
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
        **({} if state.error else sources.members(state.sourced)),
    }


def _document(state: TaskState, answer: bytes | None) -> dict[str, Any]:
    """The JSON as it is: an answer with many vectors is too large to parse."""
    if not state.has_document:
        return {}
    return {"response": None if answer is None else orjson.Fragment(answer)}


def _without_status(answer: bytes | None) -> bytes | None:
    """The JSON without the members of a vendor that would make the SDK read an answered task as failed.

    Quotes inside of strings are escaped, so only the name of a member is found.
    """
    if answer is None or not any(b'"%b":' % name.encode() in answer for name in STATUS_MEMBERS):
        return answer
    return orjson.dumps(_pruned(orjson.loads(answer)))


def _pruned(node: Any) -> Any:
    if isinstance(node, list):
        return [_pruned(item) for item in node]
    if isinstance(node, dict):
        is_status = {name: name in STATUS_MEMBERS and isinstance(value, str) for name, value in node.items()}
        return {name: _pruned(value) for name, value in node.items() if not is_status[name]}
    return node


def _status(state: TaskState) -> str:
    if state.status.is_terminal:
        return "failed" if state.error else "succeeded"
    return "queued" if state.status is RunStatus.QUEUED else "processing"


def _usage(usage: Usage) -> Mapping[str, int]:
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _error(error: ParleyError) -> dict[str, str]:
    return {"code": errors.code(error), "message": error.message}


def _seconds(at: datetime | None) -> float | None:
    return at.timestamp() if at else None
