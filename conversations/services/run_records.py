"""What a run's row keeps as JSON: the request as it was accepted, and the answer. Both carry a version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from conversations import ids
from conversations.turns import TurnRequest
from providers import serialization, tokens
from providers.messages import Message, Role

RECORD_VERSION = 1


@dataclass(frozen=True, slots=True)
class PastMessage:
    """A message of the history with its estimated tokens."""

    message: Message
    tokens: int


@dataclass(frozen=True, slots=True)
class Material:
    """What a prompt is made of: the turn's new messages, the history oldest first, the preset's and own options."""

    messages: tuple[Message, ...]
    history: tuple[PastMessage, ...]
    options: Mapping[str, Any]


def dump_request(turn: TurnRequest) -> str:
    record = {
        "version": RECORD_VERSION,
        "conversation_id": turn.conversation_id,
        "messages": [serialization.dump_message(message) for message in turn.messages],
        "options": dict(turn.options),
    }
    return orjson.dumps(record).decode()


def load_material(*, request: str, history: str, parameters: str) -> Material:
    """What CLAIM returned as JSON. Raises ValueError, KeyError or TypeError when it cannot be read."""
    record = orjson.loads(request)
    return Material(
        messages=tuple(serialization.load_message(message) for message in record["messages"]),
        history=tuple(_load_past(*row) for row in orjson.loads(history)),
        options={**orjson.loads(parameters), **record["options"]},
    )


def _load_past(role: str, name: str, parts: Any, metadata: Any, estimate: int) -> PastMessage:
    message = Message(Role(role), serialization.load_parts(parts), name or None, metadata)
    return PastMessage(message, estimate)


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
