"""A message of a contact's dialogues as `chat/record` shows it: JSON in a text (docs/contract D.8).

The documents' sample has the members of an instant messenger's message. Ours has the same, and besides them `role` and
`content`, which no reader has to dig for.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from conversations.dialects.yuju.contacts import wire_ids

# Every conversation here was held over the API.
CHANNEL = "api"
# Who said it: the contact, an assistant's model, or somebody through `send-to-user`, as in the documents' sample.
OF_USER, OF_ASSISTANT, OF_SERVICE = "user", "assistant", "customer_service"


@dataclass(frozen=True, slots=True)
class RecordedMessage:
    """`assistant`: the public id of the dialogue's, "" for none. `is_sent`: no model said it."""

    public_id: str
    conversation_id: str
    text: str
    at: datetime
    visitor: str
    assistant: str = ""
    is_of_visitor: bool = False
    is_sent: bool = False


def shown(message: RecordedMessage, *, nick: str) -> dict[str, str]:
    """`nick`: what the contact is called."""
    visitor, assistant = wire_ids.shown(message.visitor), message.assistant
    sender, addressee = (visitor, assistant) if message.is_of_visitor else (assistant, visitor)
    told: dict[str, Any] = {
        "ID": message.public_id,
        "avatar": "",
        "conversationID": message.conversation_id,
        "conversationType": "C2C",
        "from": sender,
        "nick": nick if message.is_of_visitor else "",
        "payload": {"data": orjson.dumps({"text": message.text}).decode(), "description": "", "extension": ""},
        "time": int(message.at.timestamp()),
        "to": addressee,
        "type": "TIMCustomElem",
        "role": "user" if message.is_of_visitor else "assistant",
        "content": message.text,
    }
    return {"msg": orjson.dumps(told).decode(), "msg_type": _kind(message)}


def _kind(message: RecordedMessage) -> str:
    if message.is_of_visitor:
        return OF_USER
    return OF_SERVICE if message.is_sent else OF_ASSISTANT


def page(messages: list[dict[str, str]], *, following: str | None) -> list[dict[str, Any]]:
    """`following`: the `cursor` of the next page. Nothing at all where there is neither a message nor a next page."""
    return [{"channel": CHANNEL, "msg": messages, "next": following}] if messages or following else []
