"""What a caller requests, whatever the family. Dialects parse requests into these, services store them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from conversations.values.assistants import AnswerForm, AssistantUsed, VisitorGiven
from conversations.values.context.sources import ContextAsked
from providers.messages import BareText, Message


class Operation(StrEnum):
    """What a run asks its model for: an answer to messages, the continuation of a prompt, or vectors for texts."""

    CHAT = "chat"
    COMPLETION = "completion"
    EMBEDDING = "embedding"


class ReferenceKind(StrEnum):
    IMAGE = "image"
    FILE = "file"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class ReferenceGiven:
    """A reference as the caller sent it: `content` is the URL of an image or file, or the text itself."""

    kind: ReferenceKind
    content: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One request for one outcome. `dialect` is the name of the API family it came in (dialects/registry.py).

    `messages`: only the new ones of this turn, with references turned into parts. `conversation_id`: the public id that
    the answer carries; `begins_conversation`: it was made for this request, so nobody else knows it. `is_stored`:
    whether the turn is stored in that conversation, and its history read. `skipped`: how many of the caller's messages
    stand before these. `preset`: None when not given, "" to clear
    it. `prompt`: what an operation other than chat works on. `may_repeat_history`: the messages may begin with some
    that the conversation already has. `reply`: what the dialect needs to render the answer, now or later. `context`:
    what is to be looked up for the model, None for nothing. `is_thread`: it belongs to the one thread of its visitor
    with its assistant, whose conversation may be another one by the time it is accepted. `history_most`: how many
    earlier messages the model is shown, None for as many as fit.
    """

    dialect: str
    model: str
    messages: tuple[Message, ...]
    conversation_id: str
    is_stored: bool
    begins_conversation: bool = False
    preset: str | None = None
    references: tuple[ReferenceGiven, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    operation: Operation = Operation.CHAT
    prompt: Sequence[BareText] | None = None
    may_repeat_history: bool = False
    reply: Mapping[str, Any] = field(default_factory=dict)
    context: ContextAsked | None = None
    skipped: int = 0
    assistant: AssistantUsed | None = None
    visitor: VisitorGiven | None = None
    is_thread: bool = False
    history_most: int | None = None
    answer_form: AnswerForm | None = None


class OnBusy(StrEnum):
    """What happens to a request whose conversation has an active run: the header `X-On-Busy`."""

    QUEUE = "queue"
    REJECT = "reject"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The headers under which a request is accepted. `body_hash` tells two requests with the same key apart.

    `max_cost`: what its run may cost at most; None leaves that to the balance. `is_dry_run`: it is only
    tried, not accepted.
    """

    idempotency_key: str = ""
    body_hash: bytes = b""
    on_busy: OnBusy = OnBusy.QUEUE
    max_cost: Decimal | None = None
    is_dry_run: bool = False


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
