"""What a webhook says: the types of events, and an event as the JSON that is sent. Texts too long are linked."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

# Receivers' frameworks and queues take this much without being asked; Standard Webhooks advises no more.
MAX_BYTES = 20_000
ALL = "*"


class EventType(StrEnum):
    """A run that its limits cut short (`incomplete`) is told as completed: its text is its answer, its status says so.

    So every run ends in exactly one of three events.
    """

    RUN_COMPLETED = "run.completed"
    RUN_FAILED = "run.failed"
    RUN_CANCELLED = "run.cancelled"
    CONVERSATION_CREATED = "conversation.created"
    ENDPOINT_DISABLED = "webhook_endpoint.disabled"


def event(*, event_id: str, event_type: EventType, sequence: int, created_at: datetime, data: Mapping[str, Any]) -> str:
    """The JSON of an event, under MAX_BYTES.

    When it would be longer, `data.answer` is null and `data.answer_url` is where the whole answer is read; should even
    that be too much, the error's message goes the same way.
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
    """The run that `data.url` leads to has it."""
    error = data.get("error")
    return {**data, "error": {**error, "message": ""}} if error else dict(data)
