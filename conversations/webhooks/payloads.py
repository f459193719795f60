"""The types of webhook events, and an event as the JSON that is sent. An answer that is too long is only linked."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import orjson

from conversations.rules import times

# Receivers' frameworks and queues accept this much by default, and Standard Webhooks advises no more.
MAX_BYTES = 20_000
ALL = "*"


class EventType(StrEnum):
    """Every run ends in exactly one of the first three events. Before that it may require an action, also repeatedly.

    A run that a limit cut short (status `incomplete`) is reported as completed: its text is its answer.
    """

    RUN_COMPLETED = "run.completed"
    RUN_FAILED = "run.failed"
    RUN_CANCELLED = "run.cancelled"
    RUN_REQUIRES_ACTION = "run.requires_action"
    CONVERSATION_CREATED = "conversation.created"
    KNOWLEDGE_NO_MATCH = "knowledge.no_match"
    INTENT_SATISFIED = "intent.satisfied"
    INTENT_NOT_SATISFIED = "intent.not_satisfied"
    VISITOR_CREATED = "visitor.created"
    VISITOR_UPDATED = "visitor.updated"
    VISITOR_DELETED = "visitor.deleted"
    DIALOGUE_FINISHED = "dialogue.finished"
    DOCUMENT_SYNCED = "document.synced"
    ENDPOINT_DISABLED = "webhook_endpoint.disabled"


def event(
    *,
    event_id: str,
    event_type: EventType,
    sequence: int,
    created_at: datetime,
    data: Mapping[str, Any],
    about: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """The JSON of an event, shorter than MAX_BYTES. `about`: further members at its top (`subjects.py`).

    If it would be longer, the sources and citations have no words; then `data.answer` is null, and the whole answer is
    read at `data.answer_url`; then the sources and citations are null, too. If that is still too long, the error's
    message is empty.
    """
    head = {
        "id": event_id,
        "type": event_type.value,
        "timestamp": times.iso(created_at),
        "sequence": sequence,
        **about,
    }
    payload = orjson.dumps({**head, "data": data})
    for shorten in (_without_quotes, _without_answer, _without_sources, _without_error_message):
        if len(payload) < MAX_BYTES:
            break
        data = shorten(data)
        payload = orjson.dumps({**head, "data": data})
    return payload.decode()


def _without_quotes(data: Mapping[str, Any]) -> dict[str, Any]:
    """The words of sources and citations can be read in the run, at `data.url`."""
    sources = [{**source, "snippet": None} for source in data.get("sources", ())]
    citations = [{**citation, "quote": _without_words(citation["quote"])} for citation in data.get("citations", ())]
    return {**data, "sources": sources, "citations": citations} if "sources" in data else dict(data)


def _without_words(quote: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return {**quote, "text": None} if quote else None


def _without_answer(data: Mapping[str, Any]) -> dict[str, Any]:
    return {**data, "answer": None} if "answer" in data else dict(data)


def _without_sources(data: Mapping[str, Any]) -> dict[str, Any]:
    return {**data, "sources": None, "citations": None} if "sources" in data else dict(data)


def _without_error_message(data: Mapping[str, Any]) -> dict[str, Any]:
    """The message can be read in the run, at `data.url`."""
    error = data.get("error")
    return {**data, "error": {**error, "message": ""}} if error else dict(data)
