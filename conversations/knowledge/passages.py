"""Splits the text of a document into passages: pieces of a size that is found, shown and cited as a whole."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from conversations.knowledge.terms import DENSE
from conversations.values.context.sources import Passage

# About 150 English words. A script without spaces says as much in half as many characters.
MOST_CHARS = 1_000
DENSE_MOST_CHARS = 500
# A passage ends at the best border behind this share of its longest length.
LEAST_SHARE = 0.5
# A rest up to so many times the longest length stays one passage. Cut in two, it is found less well by its meaning:
# Chinese questions on English paragraphs 0.645 / 0.893 of the time among the first 1 / 5, whole 0.666 / 0.902.
REST_SHARE = 1.3

_DENSE = re.compile(f"[{DENSE}]+")
# The better border first. A row of a table is a line with a tab or a bar in it.
_BORDERS = (
    re.compile(r"\n[ \t\r]*\n\s*"),
    re.compile(r"(?<=[.!?:;。！？；…”」』])\r?\n"),
    re.compile(r"[\t|][^\n]*\n"),
    re.compile(r"[.!?…]+[\"'”’)\]]*\s+|[。！？；…]+[”’」』）]*"),
    re.compile(r"\n"),
    re.compile(r"[,;:，、：]\s*"),
    re.compile(r"\s+"),
)
# What belongs to the character before it: marks, joiners, variants and skin tones.
_CONTINUES = re.compile(
    "[\u0300-\u036f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u200d\u3099\u309a\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]"
)


def split(text: str, page_starts: Sequence[int] = ()) -> list[Passage]:
    """The passages in the order of the text, which they cover but for blanks. None lies on two pages.

    `page_starts`: where each page begins; empty for a text without pages.
    """
    ends = [*page_starts, len(text)] if page_starts else [0, len(text)]
    if ends[0]:
        # What stands before the first page belongs to it.
        ends[0] = 0
    found = []
    for start, end in pairwise(ends):
        page = bisect_right(page_starts, start) if page_starts else None
        found += [
            _passage(text, begin, until, page=max(1, page) if page is not None else None)
            for begin, until in _pieces(text, start, end)
        ]
    return [passage for passage in found if passage.text]


def _passage(text: str, start: int, end: int, *, page: int | None) -> Passage:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    piece = piece.strip()
    return Passage(piece, start, start + len(piece), page)


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end:
        until = _cut(text, start, end)
        yield start, until
        start = until


def _cut(text: str, start: int, end: int) -> int:
    """Where the passage that begins at `start` ends."""
    most = _most_chars(text[start : start + MOST_CHARS])
    if end - start <= most * REST_SHARE:
        return end
    least = start + int(most * LEAST_SHARE)
    for border in _BORDERS:
        ends = [match.end() for match in border.finditer(text, least, start + most)]
        if ends:
            return ends[-1]
    return _between_characters(text, least, start + most)


def _most_chars(text: str) -> int:
    dense = sum(map(len, _DENSE.findall(text)))
    return DENSE_MOST_CHARS if dense * 2 > min(len(text), DENSE_MOST_CHARS * 2) else MOST_CHARS


def _between_characters(text: str, least: int, most: int) -> int:
    """The last place up to `most` where no character is cut from its marks."""
    for at in range(most, least, -1):
        if not _CONTINUES.match(text, at) and text[at - 1] != "\u200d":
            return at
    return most
