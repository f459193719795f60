"""What a caller asked, in no family's words. Dialects make these, services store them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from providers.messages import BareText, Message


class Dialect(StrEnum):
    """The public API family a turn was asked in; it is answered and resumed in the same one."""

    AICHAT = "aichat"
    OPENAI = "openai"
    YUJU = "yuju"


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
    """One accepted request for one outcome.

    `messages` are the new messages of this turn only, references already turned into parts.
    `conversation_id` is the public id the answer carries; `is_stored` whether messages are written under it
    and earlier ones read. `preset` None means not given, "" means cleared. `prompt` is what an operation other
    than chat works on. `reply` is what the dialect must remember to word the answer, also later.
    `may_repeat_history`: the messages may begin with some that the conversation already has.
    """

    dialect: Dialect
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


class OnBusy(StrEnum):
    """What happens to a request whose conversation has an active run: the header `X-On-Busy`."""

    QUEUE = "queue"
    REJECT = "reject"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The headers under which a request is accepted. `body_hash` tells two requests with the same key apart."""

    idempotency_key: str = ""
    body_hash: bytes = b""
    on_busy: OnBusy = OnBusy.QUEUE


@dataclass(frozen=True, slots=True)
class NewRun:
    """What a run gets besides its request when it is accepted.

    `run_id` is its public id. `channel` leads to the process whose reader waits for it. `context_window`: its model's,
    in tokens. `is_streamed`: its reader may see part of the text before the end.
    """

    run_id: str
    channel: str
    trace_id: UUID
    context_window: int
    is_streamed: bool


@dataclass(frozen=True, slots=True)
class NewTask:
    """Makes a run a task: its caller does not wait. The answer is sent to `callback_url`, unless that is empty."""

    callback_url: str = ""
