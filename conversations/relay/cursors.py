"""How far one choice of an answer has been told: what of each kind its log's positions have brought."""

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


class Cursor:
    """Lengths are ends of slices; a detail is how many logprobs, or how much of a transcript."""

    def __init__(self) -> None:
        self._kinds: set[str] = set()
        self._length: Counter[str] = Counter()
        self._detail: Counter[str] = Counter()
        self._of_call: Counter[int] = Counter()
        self._audio_bytes = 0

    def copy(self) -> "Cursor":
        made = Cursor()
        made._kinds |= self._kinds
        made._length |= self._length
        made._detail |= self._detail
        made._of_call.update(self._of_call)
        made._audio_bytes = self._audio_bytes
        return made

    def count(self, entry: Sequence[Any]) -> None:
        """An entry of the log (`relay.codec.Shape`)."""
        kind, _, length, *more = entry
        detail = more[0] if more else 0
        self._kinds.add(kind)
        if kind == CALL:
            self._of_call[detail] += length
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
        return index in self._of_call

    def call_length(self, index: int) -> int | None:
        return self._of_call.get(index, 0)

    @property
    def audio_bytes(self) -> int | None:
        return self._audio_bytes


class End(Cursor):
    """Behind all there is."""

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
