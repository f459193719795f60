"""One choice of an answer as events: its deltas, or its whole message."""

from typing import Any

from providers import untrusted
from providers.events import (
    AudioDelta,
    ChoiceFinished,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
)
from providers.messages import Usage
from providers.protocols.openai.buffer_budget import BufferBudget
from providers.protocols.openai.chat.audio import audio_fields
from providers.protocols.openai.chat.tool_calls import LEGACY, ToolCalls

MAX_REASON_CHARACTERS = 100
# OpenAI's log probability for a token that is hardly possible. Other vendors send -Infinity, which JSON does not have
# and which was read as null; typed clients would read null as 0, that is: certain.
HARDLY_POSSIBLE = -9999.0
_NO_REASONS = frozenset({"", "null", "none"})
_DELTA_FIELDS = frozenset(
    {"role", "content", "reasoning_content", "reasoning", "reasoning_details", "refusal", "tool_calls", "audio", LEGACY}
)
# The texts of a choice; each may be cut inside a surrogate pair. Arguments of tool calls are handled by `ToolCalls`.
_Kind = type[TextDelta] | type[ReasoningDelta] | type[RefusalDelta] | type[AudioDelta]

Json = dict[str, Any]


class Choice:
    """`answer_id` goes into made-up ids of tool calls. `budget` limits what is buffered until the choice ends."""

    def __init__(self, number: int, *, vendor: str, answer_id: str, budget: BufferBudget) -> None:
        self._number = number
        self._vendor = vendor
        self._tool_calls = ToolCalls(vendor, number, answer_id, budget=budget)
        self._budget = budget
        self._halves: dict[_Kind, str] = {}
        self._metadata: Json = {}
        self._has_begun = False
        self._has_reasoned = False
        self.reason: str | None = None
        self.usage: Usage | None = None

    def read(self, wire: Json, found: list[StreamEvent]) -> None:
        """Raises UpstreamGarbled for an unreasonable number of tool calls."""
        delta = wire.get("delta")
        is_whole = False
        if not delta and not self._has_begun:
            # A whole message counts only at the beginning: some vendors repeat it in the last chunk.
            delta, is_whole = wire.get("message"), True
        if not isinstance(delta, dict) or not delta:
            return
        self._has_begun = True
        content, logprobs = delta.get("content"), wire.get("logprobs")
        if content and not logprobs and not self._halves and isinstance(content, str) and content.isascii():
            # The shortcut for nearly all chunks of an answer.
            found.append(TextDelta(content, self._number))
        elif content or logprobs:
            self._read_text(content, logprobs, found)
        if len(delta) > 1 or content is None:
            self._read_rest(delta, is_whole, found)

    def finish(self, reason: str) -> list[StreamEvent]:
        """The buffered events and ChoiceFinished."""
        found = self.end()
        if reason == "tool_calls" and not self._tool_calls.count:
            # None of its calls has a name, so there is nothing to carry out.
            reason = "stop"
        self.reason = reason
        metadata = untrusted.storable({self._vendor: self._metadata}) if self._metadata else None
        return [*found, ChoiceFinished(reason, self._number, metadata)]

    def end(self) -> list[StreamEvent]:
        """The buffered events; none when called again."""
        halves, self._halves = self._halves, {}
        found = [_of_half(kind, self._number) for kind in halves]
        return [*found, *self._tool_calls.end()]

    def _read_text(self, content: Any, logprobs: Any, found: list[StreamEvent]) -> None:
        text = self._whole(TextDelta, content if isinstance(content, str) else _text(content))
        numbered = _numbered(untrusted.storable(logprobs)) if logprobs and isinstance(logprobs, dict) else None
        if text or numbered:
            found.append(TextDelta(text, self._number, numbered))

    def _whole(self, kind: _Kind, text: str) -> str:
        """The text with the half pair kept from before, and without a half pair at its end, which is kept."""
        if not self._halves and text.isascii():
            return text
        text, half = untrusted.text_so_far(self._halves.pop(kind, "") + text)
        if half:
            self._halves[kind] = half
        return text

    def _read_rest(self, delta: Json, is_whole: bool, found: list[StreamEvent]) -> None:
        self._read_reasoning(delta, found)
        if delta.get("refusal") and (refusal := self._whole(RefusalDelta, _text(delta["refusal"]))):
            found.append(RefusalDelta(refusal, self._number))
        if delta.get("audio"):
            self._read_audio(delta["audio"], found)
        if delta.get("tool_calls"):
            found += self._tool_calls.read(delta["tool_calls"], is_whole=is_whole)
        if delta.get(LEGACY):
            found += self._tool_calls.read_legacy(delta[LEGACY], is_whole=is_whole)
        if not delta.keys() <= _DELTA_FIELDS:
            self._keep(delta)

    def _keep(self, delta: Json) -> None:
        """Keep a vendor's own fields until the choice ends. Lists are continued in place, as they are not shared."""
        for name, value in delta.items():
            if name in _DELTA_FIELDS or value is None:
                continue
            old = self._metadata.get(name)
            if isinstance(old, list) and isinstance(value, list):
                self._budget.spend(len(repr(value)))
                old.extend(value)
            else:
                self._budget.spend(len(name) + len(repr(value)) - len(repr(old)))
                self._metadata[name] = value

    def _read_reasoning(self, delta: Json, found: list[StreamEvent]) -> None:
        """The first event also says under which field name reasoning is sent back to this vendor."""
        name = "reasoning_content" if delta.get("reasoning_content") else "reasoning"
        text, details = self._whole(ReasoningDelta, _text(delta.get(name))), delta.get("reasoning_details")
        if not text and not details:
            return
        own: Json = {"reasoning_details": details} if isinstance(details, list) and details else {}
        if text and not self._has_reasoned:
            self._has_reasoned = True
            own["field"] = name
        # Reasoning goes before the text of the same chunk.
        position = len(found) - 1 if found and isinstance(found[-1], TextDelta) else len(found)
        metadata = untrusted.storable({self._vendor: own}) if own else None
        found.insert(position, ReasoningDelta(text, self._number, metadata))

    def _read_audio(self, given: Any, found: list[StreamEvent]) -> None:
        if not isinstance(given, dict):
            return
        transcript = self._whole(AudioDelta, _text(given.get("transcript")))
        if fields := audio_fields(given, transcript):
            found.append(AudioDelta(fields, self._number))


def reason_of(value: Any) -> str | None:
    """The vendor's finish reason; None when the choice has not ended."""
    if not isinstance(value, str):
        return "stop" if value else None
    reason = untrusted.text(value.strip(), most=MAX_REASON_CHARACTERS)
    if reason.lower() in _NO_REASONS:
        return None
    return "tool_calls" if reason == LEGACY else reason


def _of_half(kind: _Kind, number: int) -> StreamEvent:
    if issubclass(kind, AudioDelta):
        return AudioDelta({"transcript": untrusted.REPLACEMENT}, number)
    return kind(untrusted.REPLACEMENT, number)


def _numbered(logprobs: Any) -> Any:
    """With a number for every log probability."""
    match logprobs:
        case list():
            return [_numbered(item) for item in logprobs]
        case dict():
            return {
                name: HARDLY_POSSIBLE if name == "logprob" and value is None else _numbered(value)
                for name, value in logprobs.items()
            }
        case _:
            return logprobs


def _text(content: Any) -> str:
    """A string, or the texts of a list of parts, as some vendors answer."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(_text(item.get("text")) for item in content if isinstance(item, dict))
    return str(content) if isinstance(content, int | float) else ""
