"""What a caller asked, in no family's words. Dialects make these, services store them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from providers.messages import BareText, Message


class Operation(StrEnum):
    """What a run asks of its model: an answer to messages, the continuation of a prompt, or vectors for texts."""

    CHAT = "chat"
    COMPLETION = "completion"
    EMBEDDING = "embedding"


class ReferenceKind(StrEnum):
    IMAGE = "image"
    FILE = "file"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class ReferenceGiven:
    """A reference as the caller gave it: `content` is the URL of an image or file, or the literal text."""

    kind: ReferenceKind
    content: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One accepted request for one outcome. `dialect` is the name of the API family it came in (dialects/registry.py).

    `messages` are the new messages of this turn only, references already turned into parts.
    `conversation_id` is the public id the answer carries; `is_stored` whether messages are written under it
    and earlier ones read. `preset` None means not given, "" means cleared. `prompt` is what an operation other
    than chat works on. `reply` is what the dialect must remember to word the answer, also later.
    `may_repeat_history`: the messages may begin with some that the conversation already has.
    """

    dialect: str
    model: str
    messages: tuple[Message, ...]
    conversation_id: str
    is_stored: bool
    preset: str | None = None
    references: tuple[ReferenceGiven, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    operation: Operation = Operation.CHAT
    prompt: Sequence[BareText] | None = None
    may_repeat_history: bool = False
    reply: Mapping[str, Any] = field(default_factory=dict)
