"""Texts made ready to be shown: where their passages are, and how long each is in tokens and in words.

That takes half a second of the interpreter for a text of four million characters, and a conversation with such a file
needs it again with each turn. So the process keeps it, without the texts: 20 bytes a passage.
"""

import threading
from array import array
from collections import OrderedDict
from collections.abc import Sequence

from conversations.knowledge import passages, terms
from conversations.values.context.sources import Passage
from providers import tokens

# Splitting a shorter text takes less than ten milliseconds.
KEPT_MIN_CHARS = 50_000
# Of all texts together, in passages: 8 MB. Forty of the longest texts.
KEPT_MAX = 400_000

_UNSIGNED = "I"


class Prepared:
    """Of one text. The words are counted when they are first asked for."""

    def __init__(self, found: Sequence[Passage]) -> None:
        self._starts = array(_UNSIGNED, (passage.start for passage in found))
        self._ends = array(_UNSIGNED, (passage.end for passage in found))
        self._pages = array(_UNSIGNED, (passage.page or 0 for passage in found))
        self._tokens = array(_UNSIGNED, (tokens.estimate_text(passage.text) for passage in found))
        self._words: array[int] | None = None

    def __len__(self) -> int:
        return len(self._starts)

    def passages(self, text: str) -> tuple[Passage, ...]:
        places = zip(self._starts, self._ends, self._pages, self._tokens, strict=True)
        return tuple(
            Passage(text[start:end], start, end, page or None, tokens=size) for start, end, page, size in places
        )

    def words(self, text: str) -> Sequence[int]:
        if self._words is None:
            places = zip(self._starts, self._ends, strict=True)
            self._words = array(_UNSIGNED, (terms.length(text[start:end]) for start, end in places))
        return self._words


class Kept:
    """The texts that were used last, for all threads of a process."""

    def __init__(self, *, most: int = KEPT_MAX) -> None:
        self._most = most
        self._size = 0
        self._kept: OrderedDict[tuple[int, ...], Prepared] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, text: str, page_starts: Sequence[int]) -> Prepared:
        if len(text) < KEPT_MIN_CHARS:
            return Prepared(passages.split(text, page_starts))
        # A hash that is secret to this process, so nobody can make two texts that have the same.
        key = (hash(text), len(text), hash(tuple(page_starts)))
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = Prepared(passages.split(text, page_starts))
        with self._lock:
            self._keep(key, made)
        return made

    def _keep(self, key: tuple[int, ...], made: Prepared) -> None:
        if key in self._kept or len(made) > self._most:
            return
        self._kept[key] = made
        self._size += len(made)
        while self._size > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._size -= len(oldest)


KEPT = Kept()
