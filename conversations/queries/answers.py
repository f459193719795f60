"""A stored answer told again as events: those that a reader has had, and those still to come.

The answer's log (`relay.codec.shape`) says what each position brought, so that both together are the whole.
"""

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from providers import serialization
from providers.events import (
    AudioDelta,
    CallStarted,
    ChoiceFinished,
    EmbeddingMade,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)
from providers.messages import (
    AudioPart,
    EmbeddingPart,
    Metadata,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)

Json = Mapping[str, Any]
# Whether the reader has had the event, and the event.
Piece = tuple[bool, Event]
TEXT, THOUGHT, REFUSAL, CALL, AUDIO = (
    kind.__name__ for kind in (TextDelta, ReasoningDelta, RefusalDelta, ToolCallDelta, AudioDelta)
)
VECTOR, FINISH = EmbeddingMade.__name__, ChoiceFinished.__name__
# Four characters of base64 are three bytes.
BASE64_CHARS, BASE64_BYTES = 4, 3


def events(
    choices: Sequence[Json], *, call: Metadata | None = None, log: Sequence[Any], upto: int
) -> tuple[list[Event], list[Event]]:
    """The events up to a position, and those after it. Fewer and larger than the ones that were published.

    `call` is what the vendor said of the call as a whole; it comes first.
    """
    had: list[Event] = []
    rest: list[Event] = []
    if call:
        (had if upto else rest).append(CallStarted(provider_metadata=call))
    for choice in choices:
        lengths = [entry[2] for entry in log if entry[:2] == [AUDIO, choice["index"]]]
        for is_had, event in _pieces(choice, _had(log[:upto], choice["index"]), audio_length=sum(lengths)):
            (had if is_had else rest).append(event)
    return had, rest


@dataclass(slots=True)
class _Had:
    """What a reader has had of one choice. `of_call` is by the tool call's index."""

    kinds: set[str] = field(default_factory=set)
    length: Counter[str] = field(default_factory=Counter)
    detail: Counter[str] = field(default_factory=Counter)
    of_call: dict[int, int] = field(default_factory=dict)
    audio_bytes: int = 0


def _had(log: Sequence[Any], number: int) -> _Had:
    had = _Had()
    for kind, choice, length, *more in log:
        if choice != number:
            continue
        detail = more[0] if more else 0
        had.kinds.add(kind)
        if kind == CALL:
            had.of_call[detail] = had.of_call.get(detail, 0) + length
        else:
            had.length[kind] += length
            had.detail[kind] += detail
        if kind == AUDIO:
            had.audio_bytes += length * BASE64_BYTES // BASE64_CHARS
    return had


def _pieces(choice: Json, had: _Had, *, audio_length: int) -> Iterator[Piece]:
    number, logprobs, calls = choice["index"], choice.get("logprobs"), count()
    parts = serialization.load_parts(choice["parts"])
    if logprobs and not any(isinstance(part, TextPart) for part in parts):
        parts = (TextPart(""), *parts)
    for part in parts:
        match part:
            case TextPart():
                yield from _text(part, number, had, logprobs)
            case ToolCallPart():
                yield from _call(part, number, had, next(calls))
            case AudioPart():
                yield from _audio(part, number, had, audio_length)
            case EmbeddingPart():
                yield VECTOR in had.kinds, EmbeddingMade(part.data, number)
            case _:
                yield from _thought_or_refusal(part, number, had)
    if reason := choice.get("finish_reason"):
        yield FINISH in had.kinds, ChoiceFinished(reason, number, choice.get("provider_metadata"))


def _text(part: TextPart, number: int, had: _Had, logprobs: Json | None) -> Iterator[Piece]:
    cut, tokens = had.length[TEXT], had.detail[TEXT]
    before = TextDelta(part.text[:cut], number, _sliced(logprobs, slice(None, tokens)))
    after = TextDelta(part.text[cut:], number, _sliced(logprobs, slice(tokens, None)))
    for is_had, delta in ((True, before), (False, after)):
        if delta.text or delta.logprobs:
            yield is_had, delta


def _sliced(logprobs: Json | None, part: slice) -> Json | None:
    sliced = {name: value[part] if isinstance(value, list) else value for name, value in (logprobs or {}).items()}
    return sliced if any(sliced.values()) else None


def _thought_or_refusal(part: Part, number: int, had: _Had) -> Iterator[Piece]:
    if isinstance(part, RefusalPart):
        cut = had.length[REFUSAL]
        pieces = ((True, part.text[:cut]), (False, part.text[cut:]))
        yield from ((is_had, RefusalDelta(text, number)) for is_had, text in pieces if text)
    elif isinstance(part, ReasoningPart):
        cut = had.length[THOUGHT]
        # The vendor's own fields came with the first thought.
        begun = THOUGHT in had.kinds
        for is_had, text in ((True, part.text[:cut]), (False, part.text[cut:])):
            metadata = part.provider_metadata if is_had is begun else None
            if text or metadata:
                yield is_had, ReasoningDelta(text, number, metadata)


def _call(part: ToolCallPart, number: int, had: _Had, index: int) -> Iterator[Piece]:
    cut = had.of_call.get(index)
    begun = ToolCallDelta(index, part.call_id, part.name, part.arguments[:cut], number, part.provider_metadata)
    yield cut is not None, begun
    if cut is not None and (rest := part.arguments[cut:]):
        yield False, ToolCallDelta(index, arguments=rest, choice=number)


def _audio(part: AudioPart, number: int, had: _Had, length: int) -> Iterator[Piece]:
    """Fragments that each ended in padding were joined anew: then the cut is told in bytes, not in characters."""
    data, transcript, cut = part.data or "", part.transcript or "", had.detail[AUDIO]
    if length == len(data.rstrip("=")):
        before, after = data[: had.length[AUDIO]], data[had.length[AUDIO] :]
    else:
        raw = b64decode(data)
        before, after = (b64encode(some).decode() for some in (raw[: had.audio_bytes], raw[had.audio_bytes :]))
    head = _given(id=part.audio_id, format=part.format)
    # Vendors say with the last fragment when they will forget it.
    last = _given(expires_at=part.expires_at)
    begun, rest = AUDIO in had.kinds, _given(data=after, transcript=transcript[cut:])
    if begun:
        yield (
            True,
            AudioDelta({**head, **_given(data=before, transcript=transcript[:cut]), **({} if rest else last)}, number),
        )
    if rest or not begun:
        yield False, AudioDelta({**({} if begun else head), **rest, **last}, number)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
