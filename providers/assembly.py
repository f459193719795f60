"""Joins the events of a call to its answers. The partial answers can be read at any moment."""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.events import (
    AudioDelta,
    CallStarted,
    ChoiceFinished,
    EmbeddingMade,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from providers.messages import (
    AudioPart,
    EmbeddingPart,
    Message,
    Metadata,
    Part,
    ReasoningPart,
    RefusalPart,
    Role,
    TextPart,
    ToolCallPart,
    Usage,
)

BASE64_QUANTUM = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """One choice. `finish_reason` is None while it is unfinished."""

    choice: int
    parts: tuple[Part, ...]
    finish_reason: str | None = None
    logprobs: Mapping[str, Any] | None = None
    provider_metadata: Metadata | None = None

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def message(self) -> Message:
        return Message(Role.ASSISTANT, self.parts, provider_metadata=self.provider_metadata)


class _Text:
    """A text that grows token by token. Kept as UTF-8: a million small strings take twenty times the memory."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, text: str) -> None:
        self._data += text.encode("utf-8", "surrogatepass")

    def __bool__(self) -> bool:
        return bool(self._data)

    def __str__(self) -> str:
        return self._data.decode("utf-8", "surrogatepass")


@dataclass(slots=True)
class _ToolCall:
    call_id: str | None = None
    name: str | None = None
    arguments: _Text = field(default_factory=_Text)
    metadata: dict[str, Any] = field(default_factory=dict)

    def part(self, index: int) -> ToolCallPart:
        return ToolCallPart(
            self.call_id or f"call_{index}", self.name or "", str(self.arguments), self.metadata or None
        )


@dataclass(slots=True)
class _Draft:
    """One choice so far."""

    text: _Text = field(default_factory=_Text)
    reasoning: _Text = field(default_factory=_Text)
    reasoning_metadata: dict[str, Any] = field(default_factory=dict)
    refusal: _Text = field(default_factory=_Text)
    tool_calls: dict[int, _ToolCall] = field(default_factory=dict)
    audio: list[Mapping[str, Any]] = field(default_factory=list)
    embedding: EmbeddingPart | None = None
    logprobs: dict[str, Any] = field(default_factory=dict)
    finish_reason: str | None = None
    metadata: Metadata | None = None

    def parts(self) -> tuple[Part, ...]:
        """In the order in which a model works: reasoning, text, refusal, audio, vector, tool calls."""
        found: list[Part] = []
        if self.reasoning or self.reasoning_metadata:
            found.append(ReasoningPart(str(self.reasoning), self.reasoning_metadata or None))
        if self.text:
            found.append(TextPart(str(self.text)))
        if self.refusal:
            found.append(RefusalPart(str(self.refusal)))
        if self.audio:
            found.append(_audio_part(self.audio))
        if self.embedding is not None:
            found.append(self.embedding)
        found.extend(call.part(index) for index, call in sorted(self.tool_calls.items()))
        return tuple(found)

    @property
    def has_parts(self) -> bool:
        """Whether `parts` would return any, without building them: they may be large."""
        reasoning = self.reasoning or self.reasoning_metadata
        return bool(reasoning or self.text or self.refusal or self.audio or self.embedding or self.tool_calls)

    def answer(self, choice: int) -> Answer:
        return Answer(choice, self.parts(), self.finish_reason, self.logprobs or None, self.metadata)


class Assembler:
    """Takes every event of one call, in order. Not thread-safe."""

    def __init__(self) -> None:
        self.started: CallStarted | None = None
        self.usage: Usage | None = None
        self._drafts: dict[int, _Draft] = {}

    def add(self, event: StreamEvent) -> None:
        match event:
            case TextDelta():
                draft = self._draft(event.choice)
                draft.text.add(event.text)
                if event.logprobs:
                    _merge(draft.logprobs, event.logprobs)
            case CallStarted():
                self.started = event
            case UsageReported():
                self.usage = event.usage
            case _:
                self._add_rare(event)

    def _add_rare(
        self, event: ReasoningDelta | RefusalDelta | ToolCallDelta | AudioDelta | EmbeddingMade | ChoiceFinished
    ) -> None:
        draft = self._draft(event.choice)
        match event:
            case ReasoningDelta():
                draft.reasoning.add(event.text)
                _merge(draft.reasoning_metadata, event.provider_metadata or {})
            case RefusalDelta():
                draft.refusal.add(event.text)
            case ToolCallDelta():
                _add_tool_call(draft, event)
            case AudioDelta():
                draft.audio.append(event.audio)
            case EmbeddingMade():
                draft.embedding = EmbeddingPart(event.data)
            case ChoiceFinished():
                draft.finish_reason = event.reason
                draft.metadata = event.provider_metadata

    def _draft(self, choice: int) -> _Draft:
        draft = self._drafts.get(choice)
        if draft is None:
            draft = self._drafts[choice] = _Draft()
        return draft

    @property
    def has_output(self) -> bool:
        return any(draft.has_parts for draft in self._drafts.values())

    @property
    def text(self) -> str:
        """Text and refusal of the first choice so far."""
        draft = self._drafts.get(0, _Draft())
        return f"{draft.text}{draft.refusal}"

    @property
    def finish_reasons(self) -> set[str]:
        """Of the choices that are finished, in the vendor's words."""
        return {draft.finish_reason for draft in self._drafts.values() if draft.finish_reason}

    @property
    def has_text(self) -> bool:
        draft = self._drafts.get(0, _Draft())
        return bool(draft.text or draft.refusal)

    def answer(self, choice: int = 0) -> Answer:
        return self._drafts.get(choice, _Draft()).answer(choice)

    def answers(self) -> tuple[Answer, ...]:
        """Every choice so far, by number; one empty answer when there is none."""
        return tuple(draft.answer(choice) for choice, draft in sorted(self._drafts.items())) or (self.answer(),)


def _add_tool_call(draft: _Draft, event: ToolCallDelta) -> None:
    call = draft.tool_calls.setdefault(event.index, _ToolCall())
    call.call_id = call.call_id or event.call_id
    call.name = call.name or event.name
    call.arguments.add(event.arguments)
    _merge(call.metadata, event.provider_metadata or {})


def _merge(into: dict[str, Any], new: Mapping[str, Any]) -> None:
    """Merges a fragment of opaque fields: maps are merged, lists continued, other values replaced unless by null."""
    for key, value in new.items():
        old = into.get(key)
        if value is None and old is not None:
            continue
        if isinstance(old, dict) and isinstance(value, Mapping):
            _merge(old, value)
        elif isinstance(old, list) and isinstance(value, list):
            old.extend(value)
        elif isinstance(value, Mapping):
            into[key] = {}
            _merge(into[key], value)
        else:
            into[key] = list(value) if isinstance(value, list) else value


def _audio_part(fragments: list[Mapping[str, Any]]) -> AudioPart:
    whole: dict[str, Any] = {}
    for fragment in fragments:
        whole.update(fragment)
    return AudioPart(
        data=_join_base64([str(fragment["data"]) for fragment in fragments if fragment.get("data")]) or None,
        format=whole.get("format"),
        audio_id=whole.get("id"),
        transcript="".join(str(fragment.get("transcript") or "") for fragment in fragments) or None,
        expires_at=whole.get("expires_at"),
    )


def _join_base64(fragments: list[str]) -> str:
    """Joins fragments of base64 that was cut anywhere, or that were each encoded, and padded, on their own.

    A mix of both gives "": it cannot be decoded, and what is kept must be base64.
    """
    if any(len(fragment) % BASE64_QUANTUM for fragment in fragments):
        joined = "".join(fragments)
        return "" if "=" in joined.rstrip("=") else joined
    try:
        return b64encode(b"".join(map(b64decode, fragments))).decode("ascii")
    except Base64Error:
        return "".join(fragments)
