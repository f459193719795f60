"""Replays a stored answer as events, piece by piece.

The answer is stored with its log (`relay.codec.shape`), which says what each position brought: a reader can continue
after any of them. Each event has the position up to which it reaches.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from conversations.relay.replay_progress import AUDIO, FINISH, REFUSAL, TEXT, THOUGHT, VECTOR, Complete, ReplayProgress
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
# The most text of one replayed event, made of smaller entries; no entry of a live log is longer either.
PIECE_CHARACTERS = 16_384
NOTHING = TextDelta("")


def events(
    choices: Sequence[Json], *, call: Metadata | None = None, log: Sequence[Any], cut: int, beyond: int = 0
) -> Iterator[tuple[int, StreamEvent]]:
    """The events after the position `beyond`, each with its own: fewer and larger than those that were published.

    No event reaches across the position `cut`. `call` is what the vendor said of the call as a whole; it comes first.
    """
    if call and not beyond:
        yield min(1, len(log)), CallStarted(provider_metadata=call)
    states = {choice["index"]: _Choice(choice, log) for choice in choices}
    for entry in log[:beyond]:
        if entry[1] in states:
            states[entry[1]].progress.count(entry)
    for first, last in _pieces(log, cut, begin=beyond):
        for number, progress in _advanced(states, log[first:last]).items():
            yield from ((last, event) for event in states[number].events(progress))
            states[number].progress = progress
    for choice in states.values():
        # What the log does not mention.
        yield from ((len(log), event) for event in choice.events(Complete()))


def by_position(choices: Sequence[Json], *, call: Metadata | None, log: Sequence[Any]) -> list[StreamEvent]:
    """One event for each position of the log, as it was published; one without words for what the answer has not."""
    found: list[StreamEvent] = [NOTHING] * len(log)
    if call and log:
        found[0] = CallStarted(provider_metadata=call)
    states = {choice["index"]: _Choice(choice, log) for choice in choices}
    for at, entry in enumerate(log):
        for number, progress in _advanced(states, [entry]).items():
            for event in states[number].events(progress):
                found[at] = event
            states[number].progress = progress
    return found


def _advanced(states: Mapping[int, "_Choice"], entries: Sequence[Any]) -> dict[int, ReplayProgress]:
    """The progress of each choice in these entries of the log, once they are replayed."""
    found: dict[int, ReplayProgress] = {}
    for entry in entries:
        number = entry[1]
        if number in states and number not in found:
            found[number] = states[number].progress.copy()
        if number in states:
            found[number].count(entry)
    return found


def _pieces(log: Sequence[Any], cut: int, *, begin: int) -> Iterator[tuple[int, int]]:
    """After which position each piece begins, and up to which it reaches."""
    first, length = begin, 0
    for position in range(begin, len(log)):
        characters = log[position][2]
        if position > first and (position == cut or length + characters > PIECE_CHARACTERS):
            yield first, position
            first, length = position, 0
        length += characters
    if first < len(log):
        yield first, len(log)


class _Choice:
    """One choice, and how far it has been replayed."""

    def __init__(self, choice: Json, log: Sequence[Any]) -> None:
        self._choice = choice
        self._number: int = choice["index"]
        self._logprobs: Json = choice.get("logprobs") or {}
        self._parts = serialization.load_parts(choice["parts"])
        if self._logprobs and not any(isinstance(part, TextPart) for part in self._parts):
            self._parts = (TextPart(""), *self._parts)
        self._audio_characters = sum(entry[2] for entry in log if entry[:2] == [AUDIO, self._number])
        self.progress = ReplayProgress()

    def events(self, upto: ReplayProgress) -> Iterator[StreamEvent]:
        """What lies between the progress so far and `upto`, in the order of an answer's parts."""
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

    def _begins(self, kind: str, upto: ReplayProgress) -> bool:
        return upto.has(kind) and not self.progress.has(kind)

    def _between(self, kind: str, upto: ReplayProgress) -> slice:
        return slice(self.progress.length(kind), upto.length(kind))

    def _text(self, part: TextPart, upto: ReplayProgress) -> Iterator[StreamEvent]:
        text, tokens = part.text[self._between(TEXT, upto)], slice(self.progress.detail(TEXT), upto.detail(TEXT))
        logprobs = {name: value[tokens] if isinstance(value, list) else value for name, value in self._logprobs.items()}
        given = logprobs if any(logprobs.values()) else None
        if text or given:
            yield TextDelta(text, self._number, given)

    def _thought(self, part: ReasoningPart, upto: ReplayProgress) -> Iterator[StreamEvent]:
        """The vendor's own fields come with the first thought."""
        text = part.text[self._between(THOUGHT, upto)]
        metadata = part.provider_metadata if self._begins(THOUGHT, upto) else None
        if text or metadata:
            yield ReasoningDelta(text, self._number, metadata)

    def _call(self, part: ToolCallPart, index: int, upto: ReplayProgress) -> Iterator[StreamEvent]:
        if not upto.has_call(index):
            return
        arguments = part.arguments[slice(self.progress.call_length(index), upto.call_length(index))]
        if not self.progress.has_call(index):
            yield ToolCallDelta(index, part.call_id, part.name, arguments, self._number, part.provider_metadata)
        elif arguments:
            yield ToolCallDelta(index, arguments=arguments, choice=self._number)

    def _audio(self, part: AudioPart, upto: ReplayProgress) -> Iterator[StreamEvent]:
        if not upto.has(AUDIO):
            return
        transcript = (part.transcript or "")[slice(self.progress.detail(AUDIO), upto.detail(AUDIO))]
        fields = _given(data=self._audio_data(part, upto), transcript=transcript)
        if self._begins(AUDIO, upto):
            fields |= _given(id=part.audio_id, format=part.format)
        if self._is_last_audio(upto):
            # Vendors send with the last fragment until when they keep the audio.
            fields |= _given(expires_at=part.expires_at)
        if fields:
            yield AudioDelta(fields, self._number)

    def _is_last_audio(self, upto: ReplayProgress) -> bool:
        """Whether `upto` reaches the end of the audio, and the progress so far did not."""
        was_left = not self.progress.has(AUDIO) or not _reaches(self.progress, self._audio_characters)
        return was_left and _reaches(upto, self._audio_characters)

    def _audio_data(self, part: AudioPart, upto: ReplayProgress) -> str:
        """Fragments that each ended in padding were encoded anew as one: then the slice is one of bytes."""
        data = part.data or ""
        if self._audio_characters == len(data.rstrip("=")):
            end = None if _reaches(upto, self._audio_characters) else upto.length(AUDIO)
            return data[self.progress.length(AUDIO) : end]
        return b64encode(b64decode(data)[self.progress.audio_bytes : upto.audio_bytes]).decode()


def _reaches(upto: ReplayProgress, length: int) -> bool:
    reached = upto.length(AUDIO)
    return reached is None or reached >= length


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
