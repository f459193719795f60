"""How far one choice of a stored answer has been replayed: how much of each kind its log's positions have brought."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from providers.events import (
    AudioDelta,
    ChoiceFinished,
    EmbeddingMade,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)

TEXT, THOUGHT, REFUSAL, CALL, AUDIO = (
    kind.__name__ for kind in (TextDelta, ReasoningDelta, RefusalDelta, ToolCallDelta, AudioDelta)
)
VECTOR, FINISH = EmbeddingMade.__name__, ChoiceFinished.__name__
# Four characters of base64 are three bytes.
BASE64_CHARS, BASE64_BYTES = 4, 3


class ReplayProgress:
    """Lengths and details are ends of slices, so None is "to the end". A detail counts logprobs, or a transcript."""

    def __init__(self) -> None:
        self._kinds: set[str] = set()
        self._length: Counter[str] = Counter()
        self._detail: Counter[str] = Counter()
        self._by_call: Counter[int] = Counter()
        self._audio_bytes = 0

    def copy(self) -> "ReplayProgress":
        copied = ReplayProgress()
        copied._kinds |= self._kinds
        copied._length |= self._length
        copied._detail |= self._detail
        copied._by_call.update(self._by_call)
        copied._audio_bytes = self._audio_bytes
        return copied

    def count(self, entry: Sequence[Any]) -> None:
        """Adds one entry of the stored log (`relay.codec.Shape`)."""
        kind, _, length, *more = entry
        detail = more[0] if more else 0
        self._kinds.add(kind)
        if kind == CALL:
            self._by_call[detail] += length
            return
        self._length[kind] += length
        self._detail[kind] += detail
        if kind == AUDIO:
            self._audio_bytes += length * BASE64_BYTES // BASE64_CHARS

    def has(self, kind: str) -> bool:
        return kind in self._kinds

    def length(self, kind: str) -> int | None:
        return self._length[kind]

    def detail(self, kind: str) -> int | None:
        return self._detail[kind]

    def has_call(self, index: int) -> bool:
        return index in self._by_call

    def call_length(self, index: int) -> int | None:
        return self._by_call.get(index, 0)

    @property
    def audio_bytes(self) -> int | None:
        return self._audio_bytes


class Complete(ReplayProgress):
    """The progress behind all that the answer has."""

    def has(self, kind: str) -> bool:
        return True

    def length(self, kind: str) -> int | None:
        return None

    def detail(self, kind: str) -> int | None:
        return None

    def has_call(self, index: int) -> bool:
        return True

    def call_length(self, index: int) -> int | None:
        return None

    @property
    def audio_bytes(self) -> int | None:
        return None
