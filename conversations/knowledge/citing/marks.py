"""The marks in an answer that cite sources by number: `[1]`, `[1, 2]`, `[1-3]`, `【1】`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

# Of one answer, and where they are looked for; models that repeat themselves write a million in 16 MB.
MARKS_MAX = 200
ANSWER_MAX_CHARS = 500_000
# A longer range is one of pages or years.
RANGE_MAX = 20

_NUMBER = r"[1-9][0-9]{0,2}"
_GAP = r"[ \u00a0]?"
_LIST = rf"{_NUMBER}(?:{_GAP}[,，、;；\-–—~]{_GAP}{_NUMBER}){{0,15}}"
# Models of OpenAI write 【1†source】.
_MARK = re.compile(rf"(?:\[|【|［){_GAP}({_LIST})(?:†[^\]】］\n]{{0,80}})?{_GAP}(?:\]|】|］)")
_PIECE = re.compile(rf"({_NUMBER})(?:{_GAP}[\-–—~]{_GAP}({_NUMBER}))?")
_FENCE = re.compile(r"^[ \t]{0,16}(`{3,}|~{3,})([^`\n]*)$", re.MULTILINE)
_TICKS = re.compile(r"`+")
# No code is set between more; so an answer of backticks alone is not looked at for each length of their runs.
TICKS_MAX = 8
# What makes a mark an index: a name of a program before it, or an assignment after it.
_NAME = re.compile(r"(?:(?<!\w)[a-z]|[A-Za-z0-9]_\w*)\Z", re.ASCII)
_USED = re.compile(r"\.[a-z_]| ?[-+*/%]?=")
_NAME_MAX_CHARS = 64


@dataclass(frozen=True, slots=True)
class Mark:
    """At the characters `start` to `end` of the answer. `numbers` are ascending within a range only."""

    numbers: tuple[int, ...]
    start: int
    end: int


def find(answer: str) -> tuple[Mark, ...]:
    """The first MARKS_MAX marks, in order, outside of code. The text of a link and the index of an array are none."""
    return tuple(islice(_marks(answer[:ANSWER_MAX_CHARS]), MARKS_MAX))


def without(text: str) -> str:
    """The text with a space instead of each mark."""
    return _MARK.sub(" ", text)


def in_round_brackets(text: str) -> str:
    """The text with `(2)` for each mark `[2]`: a footnote of a source's own is not the number of a source."""
    pieces: list[str] = []
    begin = 0
    for mark in _marks(text):
        pieces += text[begin : mark.start], f"({text[mark.start + 1 : mark.end - 1]})"
        begin = mark.end
    return "".join((*pieces, text[begin:])) if pieces else text


def _marks(answer: str) -> Iterator[Mark]:
    for begin, end in _prose(answer):
        index_end = -1
        for match in _MARK.finditer(answer, begin, end):
            numbers = _numbers(match[1])
            if _is_index(answer, match, index_end):
                index_end = match.end()
            elif numbers and not _is_link(answer, match):
                yield Mark(numbers, match.start(), match.end())


def _numbers(text: str) -> tuple[int, ...]:
    """None at all where a range runs backwards or is too long to be one of sources."""
    found: list[int] = []
    for piece in _PIECE.finditer(text):
        first, last = int(piece[1]), int(piece[2] or piece[1])
        if not first <= last < first + RANGE_MAX:
            return ()
        found.extend(range(first, last + 1))
    return tuple(dict.fromkeys(found))


def _is_link(answer: str, match: re.Match[str]) -> bool:
    """`[1](…)`, an image, or a definition `[1]: …` at the beginning of a line."""
    if answer[match.start()] != "[":
        return False
    before, after = answer[match.start() - 1 : match.start()], answer[match.end() : match.end() + 1]
    return after == "(" or before == "!" or (after == ":" and before in ("", "\n"))


def _is_index(answer: str, match: re.Match[str], index_end: int) -> bool:
    """Whether it looks like one of a program: `a[1]`, `my_list[1]`, `rows[1] = 2`, `rows[1].name`, `m[0][1]`.

    A mark that follows a word without a space is common, so a word alone says nothing.
    """
    start = match.start()
    if answer[start] != "[" or not start:
        return False
    before = answer[start - 1]
    if before == "]":
        return start == index_end or answer[max(0, start - 3) : start] == "[0]"
    if not (before.isascii() and before.isalnum()):
        return False
    head = answer[max(0, start - _NAME_MAX_CHARS) : start]
    return bool(_NAME.search(head) or _USED.match(answer, match.end()))


def _prose(answer: str) -> Iterator[tuple[int, int]]:
    """The parts that are not in fences and not between backticks. Each character is looked at a few times only."""
    begin = 0
    fence: str | None = None
    for match in _FENCE.finditer(answer):
        if fence is None:
            yield from _without_ticks(answer, begin, match.start())
            fence = match[1]
        elif match[1].startswith(fence) and not match[2].strip():
            fence, begin = None, match.end()
    if fence is None:
        yield from _without_ticks(answer, begin, len(answer))


def _without_ticks(answer: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """A run of backticks begins code where a run of the same length closes it in the same paragraph."""
    runs = [match.span() for match in _TICKS.finditer(answer, begin, end) if len(match[0]) <= TICKS_MAX]
    closes: dict[int, int] = {}
    later: dict[int, int] = {}
    for at in reversed(range(len(runs))):
        length = runs[at][1] - runs[at][0]
        if length in later:
            closes[at] = later[length]
        later[length] = at
    at = 0
    while at < len(runs):
        close = closes.get(at)
        if close is None or "\n\n" in answer[runs[at][1] : runs[close][0]]:
            at += 1
            continue
        yield begin, runs[at][0]
        begin, at = runs[close][1], close + 1
    yield begin, end
