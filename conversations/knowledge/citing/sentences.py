"""A text as sentences, in scripts with and without spaces, and two of them compared."""

import re
from collections.abc import Iterator

# Of a source these are quoted; a table or a text without full stops is cut into pieces of this length.
SENTENCE_MAX_CHARS = 300
# In UTF-8, where six letters of Chinese are as long as eighteen of English. The words of a shorter sentence are part of
# many others.
SENTENCE_MIN_BYTES = 16

_END = re.compile(r"[。！？…．]+[”’」』）)\"']*|[.!?]+[\"'”’)\]]*(?=\s|$)|\n+")
_IDEOGRAPH = re.compile(r"([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff])")
_BETWEEN_WORDS = re.compile(r"[\W_]+")


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences are, without the space around them; none is longer than SENTENCE_MAX_CHARS."""
    begin = 0
    for match in _END.finditer(text):
        yield from _pieces(text, begin, match.end())
        begin = match.end()
    yield from _pieces(text, begin, len(text))


def words(text: str) -> str:
    """Its words in lower case, one space between them; each letter of a script without spaces is a word."""
    return _BETWEEN_WORDS.sub(" ", _IDEOGRAPH.sub(r" \1 ", text.lower())).strip()


def _pieces(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    for first in range(begin, end, SENTENCE_MAX_CHARS):
        last = min(first + SENTENCE_MAX_CHARS, end)
        piece = text[first:last]
        if stripped := piece.strip():
            start = first + len(piece) - len(piece.lstrip())
            yield start, start + len(stripped)
