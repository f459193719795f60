"""The events of a model's answer while it streams. `choice` numbers the answers when several were asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from providers.messages import Metadata, Usage


@dataclass(frozen=True, slots=True)
class CallStarted:
    """The vendor accepted the call. `request_id` is the vendor's id of it, for support tickets.

    `provider_metadata` holds the vendor's fields about the call as a whole (system_fingerprint, service_tier, …).
    """

    request_id: str | None = None
    model: str | None = None
    provider_metadata: Metadata | None = None

    @property
    def has_vendor_fields(self) -> bool:
        """Whether the vendor sent any field besides its id of the answer."""
        return any(set(fields) - {"id"} for fields in (self.provider_metadata or {}).values())


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str
    choice: int = 0
    logprobs: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    text: str
    choice: int = 0
    provider_metadata: Metadata | None = None


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A fragment of the `index`-th tool call; `call_id` and `name` come with its first fragment."""

    index: int
    call_id: str | None = None
    name: str | None = None
    arguments: str = ""
    choice: int = 0
    provider_metadata: Metadata | None = None


@dataclass(frozen=True, slots=True)
class AudioDelta:
    """A fragment of a spoken answer, in the format's fields (`id`, `data`, `transcript`, `expires_at`)."""

    audio: Mapping[str, Any]
    choice: int = 0


@dataclass(frozen=True, slots=True)
class EmbeddingMade:
    """The whole vector of one input: base64 of packed little-endian float32."""

    data: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ChoiceFinished:
    """`reason` is one of stop, length, tool_calls, content_filter, or the vendor's own word.

    `provider_metadata` holds the vendor's fields about the answer as a whole (annotations, citations, …).
    """

    reason: str
    choice: int = 0
    provider_metadata: Metadata | None = None


@dataclass(frozen=True, slots=True)
class UsageReported:
    usage: Usage


StreamEvent = (
    CallStarted
    | TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ToolCallDelta
    | AudioDelta
    | EmbeddingMade
    | ChoiceFinished
    | UsageReported
)
