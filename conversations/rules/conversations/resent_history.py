"""What of the messages that a caller sent is already in the conversation, and which message the new ones follow.

Callers of a stateless API send the whole history every time. Repeated messages are recognised by their content, on any
branch of the conversation, so that nothing is stored twice. An edited or regenerated turn becomes a branch. Where the
conversation is looked at: `queries/conversations/threads.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from conversations.rules.conversations.sequence_overlap import overlap
from providers.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    RefusalPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Continuation:
    """The sent messages from index `new_from` on are new. They follow the message `after`; None is the head.

    `new_from` is the number of messages sent when the conversation has them all, with their answers. It holds as long
    as `head` is the conversation's head.
    """

    new_from: int = 0
    after: int | None = None
    head: int | None = None


def first_new(sent: Sequence[Message], *, matched: int) -> int:
    """The index of the first new message when so many are in the conversation.

    When all are and the last is a question, the caller wants another answer to it: so it is new.
    """
    if matched == len(sent) and sent[-1].role is not Role.ASSISTANT:
        while matched and sent[matched - 1].role is not Role.ASSISTANT:
            matched -= 1
    return matched


def has_answer(messages: Sequence[Message]) -> bool:
    """Only a repeated answer proves a repeated history: people ask "next" twice, and want two answers."""
    return any(message.role is Role.ASSISTANT for message in messages)


def overlapping(sent: Sequence[Message], digests: Sequence[bytes], path: Sequence[bytes]) -> int:
    """How many of the first sent messages are the last ones of `path`: some callers leave out the oldest.

    `digests` are those of the sent messages.
    """
    length = overlap(path, digests)
    return length if length > 1 and has_answer(sent[:length]) else 0


def digest(message: Message) -> bytes:
    """Equal for two messages with the same content, however they were written.

    Stored with messages (`Message.digest`): if its meaning changes, the stored ones have to be set to NULL.
    """
    return blake2b(orjson.dumps(content_key(message)), digest_size=DIGEST_BYTES).digest()


def content_key(message: Message) -> list[Any]:
    """The content as plain JSON.

    Callers drop reasoning and vendors' own fields, trim blanks, and send a plain text as a string or as a part.
    """
    role = Role.SYSTEM if message.role is Role.DEVELOPER else message.role
    parts = message.parts
    if len(parts) == 1 and isinstance(parts[0], TextPart):
        # What follows says the same, in three times the time. Nearly every message is like this.
        return [role, parts[0].text.strip()]
    text = "".join(part.text for part in parts if isinstance(part, TextPart)).strip()
    return [role, text, *(key for part in parts if (key := _part_key(part)) is not None)]


def _part_key(part: Part) -> list[Any] | None:
    """None for text, which is joined, and for reasoning, which callers drop."""
    key: list[Any] | None = None
    match part:
        case ImagePart():
            key = ["image", part.url]
        case RefusalPart():
            key = ["refusal", part.text]
        case AudioPart():
            key = ["audio", part.audio_id or part.data]
        case FilePart():
            key = ["file", part.file_id or part.data or part.url]
        case ToolCallPart():
            key = ["tool_call", part.call_id, part.name, part.arguments]
        case ToolResultPart():
            key = ["tool_result", part.call_id, content_key(Message(Role.TOOL, part.parts))]
    return key
