"""Canonical values of a conversation: parts, messages, usage. They know nothing of storage or wire.

Stored form: `serialization.py`; wire forms: `protocols/` (upstream) and the dialects (customers).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

# Opaque fields of one vendor, keyed by vendor name; kept with the part and echoed back to that vendor.
Metadata = Mapping[str, Any]


class Role(StrEnum):
    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class TextPart:
    text: str
    provider_metadata: Metadata | None = None


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image by `http(s):` or `data:` URL; `detail` is the vendor's resolution hint."""

    url: str
    detail: str | None = None
    provider_metadata: Metadata | None = None


@dataclass(frozen=True, slots=True)
class AudioPart:
    """Audio sent to the model: base64 `data` in `format` (wav, mp3); or an earlier answer's `audio_id`.

    A spoken answer also carries its `transcript` and when the vendor forgets it (`expires_at`, unix seconds).
    """

    data: str | None = None
    format: str | None = None
    audio_id: str | None = None
    transcript: str | None = None
    expires_at: int | None = None
    provider_metadata: Metadata | None = None


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file by URL, by inline `data:` URL, or by the vendor's own `file_id`."""

    url: str | None = None
    data: str | None = None
    file_id: str | None = None
    filename: str | None = None
    provider_metadata: Metadata | None = None


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """The model asks for a tool. `arguments` is the JSON text exactly as the model wrote it."""

    call_id: str
    name: str
    arguments: str
    provider_metadata: Metadata | None = None


@dataclass(frozen=True, slots=True)
class ToolResultPart:
    """What a tool answered to the call `call_id`."""

    call_id: str
    parts: tuple["Part", ...]
    is_error: bool = False
    provider_metadata: Metadata | None = None


@dataclass(frozen=True, slots=True)
class ReasoningPart:
    text: str
    provider_metadata: Metadata | None = None


@dataclass(frozen=True, slots=True)
class RefusalPart:
    text: str
    provider_metadata: Metadata | None = None


@dataclass(frozen=True, slots=True)
class EmbeddingPart:
    """The vector a model made of a text: base64 of packed little-endian float32 (`providers/vectors.py`)."""

    data: str
    provider_metadata: Metadata | None = None


Part = (
    TextPart
    | ImagePart
    | AudioPart
    | FilePart
    | ToolCallPart
    | ToolResultPart
    | ReasoningPart
    | RefusalPart
    | EmbeddingPart
)


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    provider_metadata: Metadata | None = None

    @property
    def text(self) -> str:
        """The text parts, joined; reasoning and refusals are not text."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one turn. `source` says whether the vendor reported them or we estimated them.

    The two detail maps keep the vendor's own breakdown (`cached_tokens`, `cache_write_tokens`, `reasoning_tokens`, …),
    each a part of its count. `cost` is what the vendor says it charges, in its own currency, if it says so.
    """

    prompt_tokens: int
    completion_tokens: int
    prompt_details: Mapping[str, int] = field(default_factory=dict)
    completion_details: Mapping[str, int] = field(default_factory=dict)
    source: Literal["reported", "estimated"] = "reported"
    cost: float | None = None

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question to a model in canonical form.

    `options` are generation options under their OpenAI names (`temperature`, `tools`, …), exactly those
    the caller sent: a protocol adds nothing of its own to them.
    """

    model: str
    messages: tuple[Message, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


# A text, or the tokens of one.
BareText = str | Sequence[int]


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """Texts to be continued, each `n` times when the options say so: choices are numbered prompt by prompt."""

    model: str
    prompts: tuple[BareText, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """Texts to make vectors of: the n-th choice is the vector of the n-th one."""

    model: str
    inputs: tuple[BareText, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


Request = ChatRequest | CompletionRequest | EmbeddingRequest
