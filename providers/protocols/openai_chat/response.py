"""Payloads of an answer, streamed or whole, as events. Odd shapes are read as far as they make sense."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from providers.errors import UpstreamCut, UpstreamGarbled, UpstreamUnavailable
from providers.events import (
    AudioDelta,
    CallStarted,
    ChoiceFinished,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    UsageReported,
)
from providers.messages import Usage
from providers.protocols.openai_chat import errors
from providers.protocols.openai_chat.tool_calls import ToolCalls

DONE = b"[DONE]"
# Fields we turn into events or have no use for; whatever else comes is kept as the vendor's own.
_CHUNK_FIELDS = frozenset({"object", "created", "model", "choices", "usage", "error", "obfuscation"})
_DELTA_FIELDS = frozenset(
    {
        "role",
        "content",
        "reasoning_content",
        "reasoning",
        "reasoning_details",
        "refusal",
        "tool_calls",
        "audio",
        "function_call",
    }
)

Json = dict[str, Any]


@dataclass(slots=True)
class _Choice:
    tool_calls: ToolCalls
    is_finished: bool = False
    has_reasoned: bool = False
    metadata: Json = field(default_factory=dict)


class ResponseReader:
    """Reads one answer. `secret` is our key, kept out of error messages."""

    def __init__(self, *, vendor: str, label: str, secret: str = "", request_id: str | None = None) -> None:
        self._vendor = vendor
        self._label = label
        self._secret = secret
        self._request_id = request_id
        self._started = False
        self._usage: Usage | None = None
        self._choices: dict[int, _Choice] = {}
        self.is_done = False

    @property
    def is_complete(self) -> bool:
        """The vendor has said all it meant to: [DONE], or a finish_reason for every choice it began."""
        return self.is_done or (bool(self._choices) and all(c.is_finished for c in self._choices.values()))

    def read(self, payload: bytes) -> list[Event]:
        """Raises UpstreamGarbled for what is not JSON, and the fitting ProviderError for an error object."""
        if payload == DONE:
            self.is_done = True
            return []
        return self._read_chunk(self._parse(payload))

    def read_whole(self, body: bytes) -> list[Event]:
        """A plain `chat.completion`, as some gateways answer though a stream was asked for. Raises as `read`."""
        chunk = self._parse(body)
        found = self._read_chunk(chunk)
        if not isinstance(chunk.get("choices"), list):
            raise UpstreamGarbled(f"{self._label} answered with something that is no chat completion.")
        self.is_done = True
        return found

    def finish(self) -> list[Event]:
        """What is left to say at the end of the body.

        Raises UpstreamCut when the answer has neither finish_reasons nor [DONE].
        """
        if not self.is_complete:
            raise UpstreamCut(f"{self._label} broke off in the middle of its answer.")
        return [*self._start({}), *self._report_usage()]

    def _parse(self, payload: bytes) -> Json:
        try:
            chunk = orjson.loads(payload)
        except orjson.JSONDecodeError as exc:
            raise UpstreamGarbled(f"{self._label} sent something that is not JSON.") from exc
        if not isinstance(chunk, dict):
            raise UpstreamGarbled(f"{self._label} sent something that is not a chunk.")
        return chunk

    def _read_chunk(self, chunk: Json) -> list[Event]:
        if chunk.get("error"):
            raise errors.from_payload(chunk, label=self._label, secret=self._secret, request_id=self._request_id)
        found: list[Event] = [] if self._started else self._start(chunk)
        choices = chunk.get("choices")
        if isinstance(choices, list):
            for choice in choices:
                if isinstance(choice, dict):
                    self._read_choice(choice, found)
        if chunk.get("usage"):
            # Some vendors repeat a running count in every chunk: only one that stands alone is final.
            self._usage = _usage(chunk["usage"]) or self._usage
            if not choices:
                found += self._report_usage()
        return found

    def _start(self, chunk: Json) -> list[Event]:
        if self._started:
            return []
        self._started = True
        own = {name: value for name, value in chunk.items() if name not in _CHUNK_FIELDS and value is not None}
        model = chunk.get("model")
        return [CallStarted(self._request_id, str(model) if model else None, self._own(own))]

    def _own(self, fields: Json) -> Json | None:
        return {self._vendor: fields} if fields else None

    def _report_usage(self) -> list[Event]:
        usage, self._usage = self._usage, None
        return [] if usage is None else [UsageReported(usage)]

    def _read_choice(self, wire: Json, found: list[Event]) -> None:
        number = _integer(wire.get("index")) or 0
        choice = self._choices.get(number)
        if choice is None:
            choice = self._choices[number] = _Choice(ToolCalls(self._vendor))
        delta = wire.get("delta") or wire.get("message")
        if isinstance(delta, dict):
            logprobs = wire.get("logprobs")
            content = delta.get("content")
            if content or logprobs:
                found.append(TextDelta(_text(content), number, logprobs if isinstance(logprobs, dict) else None))
            if len(delta) > 1 or content is None:
                self._read_rest(delta, number, choice, found)
        if wire.get("finish_reason"):
            self._finish_choice(str(wire["finish_reason"]), number, choice, found)

    def _read_rest(self, delta: Json, number: int, choice: _Choice, found: list[Event]) -> None:
        self._read_reasoning(delta, number, choice, found)
        if delta.get("refusal"):
            found.append(RefusalDelta(_text(delta["refusal"]), number))
        if isinstance(delta.get("audio"), dict):
            found.append(AudioDelta(delta["audio"], number))
        if isinstance(delta.get("tool_calls"), list):
            found += choice.tool_calls.read(delta["tool_calls"], number)
        if not delta.keys() <= _DELTA_FIELDS:
            _keep(choice.metadata, delta)

    def _read_reasoning(self, delta: Json, number: int, choice: _Choice, found: list[Event]) -> None:
        """The first thought says under which name thoughts go back to this vendor."""
        name = "reasoning_content" if delta.get("reasoning_content") else "reasoning"
        text, details = _text(delta.get(name)), delta.get("reasoning_details")
        if not text and not details:
            return
        own: Json = {"reasoning_details": details} if isinstance(details, list) and details else {}
        if text and not choice.has_reasoned:
            choice.has_reasoned = True
            own["field"] = name
        # A thought goes before the words of the same chunk.
        place = len(found) - 1 if found and isinstance(found[-1], TextDelta) else len(found)
        found.insert(place, ReasoningDelta(text, number, self._own(own)))

    def _finish_choice(self, reason: str, number: int, choice: _Choice, found: list[Event]) -> None:
        """Raises UpstreamUnavailable for the `error` that OpenRouter gives as a reason."""
        if reason == "error":
            raise UpstreamUnavailable(f"{self._label} failed in the middle of its answer.")
        if not choice.is_finished:
            choice.is_finished = True
            found.append(ChoiceFinished(reason, number, self._own(choice.metadata)))


def _keep(metadata: Json, delta: Json) -> None:
    for name, value in delta.items():
        if name in _DELTA_FIELDS or value is None:
            continue
        old = metadata.get(name)
        metadata[name] = old + value if isinstance(old, list) and isinstance(value, list) else value


def _text(content: Any) -> str:
    """A string, or the texts of a list of parts, as some vendors answer."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(_text(item.get("text")) for item in content if isinstance(item, dict))
    return str(content) if isinstance(content, int | float) else ""


def _usage(wire: Any) -> Usage | None:
    """None for what holds no counts: a usage of nothing must not pass for one that was reported."""
    if not isinstance(wire, dict):
        return None
    prompt, completion = _integer(wire.get("prompt_tokens")), _integer(wire.get("completion_tokens"))
    if prompt is None and completion is None:
        return None
    return Usage(
        prompt or 0,
        completion or 0,
        _counts(wire.get("prompt_tokens_details")),
        _counts(wire.get("completion_tokens_details")),
    )


def _counts(wire: Any) -> Mapping[str, int]:
    if not isinstance(wire, dict):
        return {}
    return {name: count for name, value in wire.items() if (count := _integer(value)) is not None}


def _integer(value: Any) -> int | None:
    """Numbers also come as floats and as strings. None for anything else, and below zero."""
    try:
        number = int(float(value)) if isinstance(value, str | int | float) else -1
    except (ValueError, OverflowError):
        return None
    return number if number >= 0 else None
