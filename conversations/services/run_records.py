"""What a run's row keeps as JSON: the request as it was accepted, and the answer. Both carry a version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from conversations import ids
from conversations.turns import TurnRequest
from providers import serialization, tokens
from providers.messages import Message

RECORD_VERSION = 1


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """`conversation_id` is the public id that the answer carries, also when nothing is stored under it."""

    conversation_id: str
    messages: tuple[Message, ...]
    options: Mapping[str, Any]


def dump_request(turn: TurnRequest) -> str:
    record = {
        "version": RECORD_VERSION,
        "conversation_id": turn.conversation_id,
        "messages": [serialization.dump_message(message) for message in turn.messages],
        "options": dict(turn.options),
    }
    return orjson.dumps(record).decode()


def load_request(text: str | bytes) -> RequestRecord:
    record = orjson.loads(text)
    return RequestRecord(
        conversation_id=record["conversation_id"],
        messages=tuple(serialization.load_message(message) for message in record["messages"]),
        options=record["options"],
    )


def dump_new_messages(messages: Sequence[Message]) -> str:
    """The turn's messages as the rows START_STORED inserts, in order."""
    return orjson.dumps(
        [
            {
                "public_id": ids.new_message_id(),
                "role": message.role.value,
                "name": message.name or "",
                "parts": serialization.dump_parts(message.parts),
                "metadata": message.provider_metadata,
                "tokens": tokens.estimate_message(message),
            }
            for message in messages
        ]
    ).decode()
