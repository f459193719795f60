"""The types of webhook events, and an event as the JSON that is sent. An answer that is too long is only linked."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

# Receivers' frameworks and queues accept this much by default, and Standard Webhooks advises no more.
MAX_BYTES = 20_000
ALL = "*"


class EventType(StrEnum):
    """Every run ends in exactly one of the first three events.

    A run that a limit cut short (status `incomplete`) is reported as completed: its text is its answer.
    """

    RUN_COMPLETED = "run.completed"
    RUN_FAILED = "run.failed"
    RUN_CANCELLED = "run.cancelled"
    CONVERSATION_CREATED = "conversation.created"
    ENDPOINT_DISABLED = "webhook_endpoint.disabled"


def event(*, event_id: str, event_type: EventType, sequence: int, created_at: datetime, data: Mapping[str, Any]) -> str:
    """The JSON of an event, shorter than MAX_BYTES.

    If it would be longer, `data.answer` is null, and the whole answer is read at `data.answer_url`. If that is still
    too long, the error's message is empty.
    """
    head = {
        "id": event_id,
        "type": event_type.value,
        "timestamp": created_at.isoformat().replace("+00:00", "Z"),
        "sequence": sequence,
    }
    for shape in (data, _without_answer(data), _without_error_message(_without_answer(data))):
        payload = orjson.dumps({**head, "data": shape})
        if len(payload) < MAX_BYTES:
            break
    return payload.decode()


def _without_answer(data: Mapping[str, Any]) -> dict[str, Any]:
    return {**data, "answer": None} if "answer" in data else dict(data)


def _without_error_message(data: Mapping[str, Any]) -> dict[str, Any]:
    """The message can be read in the run, at `data.url`."""
    error = data.get("error")
    return {**data, "error": {**error, "message": ""}} if error else dict(data)
