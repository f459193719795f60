"""Canonical values of a conversation: parts, messages, usage, requests. They know no storage and no wire format.

For the stored form see `serialization.py`; for wire forms `protocols/` (vendors) and the dialects (customers).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

# Opaque fields, keyed by the name of the vendor they came from; kept with the part and sent back to that vendor.
Metadata = Mapping[str, Any]
# Metadata under this key belongs to OpenAI's format itself and goes to every vendor that speaks it. It is stored with
# the messages (docs/parts.md), so it cannot change.
OPENAI_FORMAT = "openai_chat"
# The option with the fields that are not the format's own, named as SDKs name it. Stored with presets and runs.
EXTRA_BODY = "extra_body"


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
    """An image by `http(s):` or `data:` URL. `detail` is a hint to the vendor which resolution to use."""

    url: str
    detail: str | None = None
    provider_metadata: Metadata | None = None


@dataclass(frozen=True, slots=True)
class AudioPart:
    """Audio for the model: base64 `data` in `format` (wav, mp3), or the `audio_id` of an earlier spoken answer.

    A spoken answer also has its `transcript`, and when the vendor deletes it (`expires_at`, unix seconds).
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
    """The model calls a tool. `arguments` is the JSON text exactly as the model wrote it."""

    call_id: str
    name: str
    arguments: str
    provider_metadata: Metadata | None = None


@dataclass(frozen=True, slots=True)
class ToolResultPart:
    """What a tool returned for the call `call_id`."""

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
    """The vector of a text: base64 of packed little-endian float32 (`providers/vectors.py`)."""

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
        """The text parts, joined. Reasoning and refusals do not count as text."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


@dataclass(frozen=True, slots=True)
class UsedBeside:
    """What an answer took besides the calls to its model, under the names that the price list has for it.

    `searches` of a search engine, `input_tokens` of texts that a model made vectors of, or both kinds of tokens of a
    small call to a model that may be another one.
    """

    vendor: str
    model: str
    input_tokens: int = 0
    searches: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, or of all calls of a run. `source`: the vendor reported them, or we estimated them.

    `drained` are those that it reported after the answer had been stopped.

    The two detail maps keep the vendor's breakdown (`cached_tokens`, `cache_write_tokens`, `reasoning_tokens`, …);
    each number is a part of its total. `cost` is the price the vendor reports, in its own currency, or None.
    `cache_write_1h_tokens` is the part of `cache_write_tokens` that stays cached for an hour, not for five minutes;
    `searches` are web searches that the vendor made. `of_calls` is the usage of each call where several were made, and
    this their sum: a vendor charges for each by the length of its own prompt. `beside` is in none of the other numbers.
    """

    prompt_tokens: int
    completion_tokens: int
    prompt_details: Mapping[str, int] = field(default_factory=dict)
    completion_details: Mapping[str, int] = field(default_factory=dict)
    source: Literal["reported", "estimated", "drained"] = "reported"
    cost: float | None = None
    cache_write_1h_tokens: int = 0
    searches: int = 0
    of_calls: tuple["Usage", ...] = ()
    beside: tuple[UsedBeside, ...] = ()

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question to a model in canonical form.

    `options` are generation options under their OpenAI names (`temperature`, `tools`, …), exactly those that the
    caller sent.
    """

    model: str
    messages: tuple[Message, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


# A text outside any message: as a string, or as its tokens.
BareText = str | Sequence[int]


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """Texts to continue, each `n` times when the options say so. Choices are numbered prompt by prompt."""

    model: str
    prompts: tuple[BareText, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """Texts to make vectors of. Choice n is the vector of the n-th text."""

    model: str
    inputs: tuple[BareText, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


Request = ChatRequest | CompletionRequest | EmbeddingRequest
