"""A stored answer told again as events, piece by piece, each under the position up to which it tells.

The answer's log (`relay.codec.shape`) says what each position brought, so that a reader can go on at any of them.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from conversations.relay.cursors import AUDIO, FINISH, REFUSAL, TEXT, THOUGHT, VECTOR, Cursor, End
from providers import serialization
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
)
from providers.messages import AudioPart, EmbeddingPart, Metadata, ReasoningPart, RefusalPart, TextPart, ToolCallPart

Json = Mapping[str, Any]
# How much is told at once where the log has it in smaller pieces; a live log's entries are no longer.
PIECE_CHARACTERS = 16_384


def events(
    choices: Sequence[Json], *, call: Metadata | None = None, log: Sequence[Any], cut: int, beyond: int = 0
) -> Iterator[tuple[int, StreamEvent]]:
    """The events beyond a position, each with its own. Fewer and larger than the ones that were published.

    None lies across the position `cut`. `call` is what the vendor said of the call as a whole; it comes first.
    """
    if call and not beyond:
        yield min(1, len(log)), CallStarted(provider_metadata=call)
    told = {choice["index"]: _Choice(choice, log) for choice in choices}
    for entry in log[:beyond]:
        if entry[1] in told:
            told[entry[1]].cursor.count(entry)
    for first, last in _pieces(log, cut, begin=beyond):
        for number, cursor in _moved(told, log[first:last]).items():
            yield from ((last, event) for event in told[number].tell(cursor))
            told[number].cursor = cursor
    for choice in told.values():
        # What the log does not tell of.
        yield from ((len(log), event) for event in choice.tell(End()))


def _moved(told: Mapping[int, "_Choice"], entries: Sequence[Any]) -> dict[int, Cursor]:
    """How far these entries of the log bring the choices that they are about."""
    cursors: dict[int, Cursor] = {}
    for entry in entries:
        number = entry[1]
        if number in told and number not in cursors:
            cursors[number] = told[number].cursor.copy()
        if number in told:
            cursors[number].count(entry)
    return cursors


def _pieces(log: Sequence[Any], cut: int, *, begin: int) -> Iterator[tuple[int, int]]:
    """After which position each piece begins, and up to which it tells."""
    first, length = begin, 0
    for place in range(begin, len(log)):
        characters = log[place][2]
        if place > first and (place == cut or length + characters > PIECE_CHARACTERS):
            yield first, place
            first, length = place, 0
        length += characters
    if first < len(log):
        yield first, len(log)


class _Choice:
    """One choice, and how far it has been told."""

    def __init__(self, choice: Json, log: Sequence[Any]) -> None:
        self._choice = choice
        self._number: int = choice["index"]
        self._logprobs: Json = choice.get("logprobs") or {}
        self._parts = serialization.load_parts(choice["parts"])
        if self._logprobs and not any(isinstance(part, TextPart) for part in self._parts):
            self._parts = (TextPart(""), *self._parts)
        self._audio_characters = sum(entry[2] for entry in log if entry[:2] == [AUDIO, self._number])
        self.cursor = Cursor()

    def tell(self, upto: Cursor) -> Iterator[StreamEvent]:
        """What comes between the cursor and another, in the order of an answer's parts."""
        calls = count()
        for part in self._parts:
            match part:
                case TextPart():
                    yield from self._text(part, upto)
                case ToolCallPart():
                    yield from self._call(part, next(calls), upto)
                case AudioPart():
                    yield from self._audio(part, upto)
                case EmbeddingPart() if self._begins(VECTOR, upto):
                    yield EmbeddingMade(part.data, self._number)
                case ReasoningPart():
                    yield from self._thought(part, upto)
                case RefusalPart() if text := part.text[self._between(REFUSAL, upto)]:
                    yield RefusalDelta(text, self._number)
        if (reason := self._choice.get("finish_reason")) and self._begins(FINISH, upto):
            yield ChoiceFinished(reason, self._number, self._choice.get("provider_metadata"))

    def _begins(self, kind: str, upto: Cursor) -> bool:
        return upto.has(kind) and not self.cursor.has(kind)

    def _between(self, kind: str, upto: Cursor) -> slice:
        return slice(self.cursor.length(kind), upto.length(kind))

    def _text(self, part: TextPart, upto: Cursor) -> Iterator[StreamEvent]:
        text, tokens = part.text[self._between(TEXT, upto)], slice(self.cursor.detail(TEXT), upto.detail(TEXT))
        logprobs = {name: value[tokens] if isinstance(value, list) else value for name, value in self._logprobs.items()}
        told = logprobs if any(logprobs.values()) else None
        if text or told:
            yield TextDelta(text, self._number, told)

    def _thought(self, part: ReasoningPart, upto: Cursor) -> Iterator[StreamEvent]:
        """The vendor's own fields come with the first thought."""
        text = part.text[self._between(THOUGHT, upto)]
        metadata = part.provider_metadata if self._begins(THOUGHT, upto) else None
        if text or metadata:
            yield ReasoningDelta(text, self._number, metadata)

    def _call(self, part: ToolCallPart, index: int, upto: Cursor) -> Iterator[StreamEvent]:
        if not upto.has_call(index):
            return
        arguments = part.arguments[slice(self.cursor.call_length(index), upto.call_length(index))]
        if not self.cursor.has_call(index):
            yield ToolCallDelta(index, part.call_id, part.name, arguments, self._number, part.provider_metadata)
        elif arguments:
            yield ToolCallDelta(index, arguments=arguments, choice=self._number)

    def _audio(self, part: AudioPart, upto: Cursor) -> Iterator[StreamEvent]:
        if not upto.has(AUDIO):
            return
        transcript = (part.transcript or "")[slice(self.cursor.detail(AUDIO), upto.detail(AUDIO))]
        fields = _given(data=self._audio_data(part, upto), transcript=transcript)
        if self._begins(AUDIO, upto):
            fields |= _given(id=part.audio_id, format=part.format)
        if self._is_last_audio(upto):
            # Vendors say with the last fragment when they will forget it.
            fields |= _given(expires_at=part.expires_at)
        if fields:
            yield AudioDelta(fields, self._number)

    def _is_last_audio(self, upto: Cursor) -> bool:
        """Whether nothing is left behind `upto`, and something was before it."""
        was_left = not self.cursor.has(AUDIO) or not _reaches(self.cursor, self._audio_characters)
        return was_left and _reaches(upto, self._audio_characters)

    def _audio_data(self, part: AudioPart, upto: Cursor) -> str:
        """Fragments that each ended in padding were joined anew: then the cut is told in bytes, not in characters."""
        data = part.data or ""
        if self._audio_characters == len(data.rstrip("=")):
            end = None if _reaches(upto, self._audio_characters) else upto.length(AUDIO)
            return data[self.cursor.length(AUDIO) : end]
        return b64encode(b64decode(data)[self.cursor.audio_bytes : upto.audio_bytes]).decode()


def _reaches(upto: Cursor, length: int) -> bool:
    reached = upto.length(AUDIO)
    return reached is None or reached >= length


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
