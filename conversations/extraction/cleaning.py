"""Text made fit to be stored, searched and quoted. Pure."""

import re
import unicodedata

from conversations.extraction.errors import Unreadable
from conversations.extraction.extracted import MAX_CHARACTERS, MAX_TITLE_CHARACTERS
from providers import untrusted

# What Unicode allows a process to assume of a stream (UAX 15, Stream-Safe Text Format). Sorting a million marks after
# one letter takes minutes.
_MARKS = 30
_MANY_MARKS = re.compile(
    rf"([\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{{{_MARKS}}})"
    r"[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
# Control characters but tab, line feed and form feed. U+0085 and the separators are line ends elsewhere.
_CONTROLS = re.compile("[\x01-\x08\x0b\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufeff]")
_LINE_ENDS = re.compile("\r\n?|[\x85\u2028\u2029]")
# From the first of the spaces alone: beginning at each of a million would take hours.
_SPACES_AT_ENDS = re.compile(r"(?<![ \t\u00a0])[ \t\u00a0]++$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")


def text(given: str) -> str:
    """Without U+0000, halves of surrogate pairs and control characters; lines end with \\n; in NFC."""
    found = _LINE_ENDS.sub("\n", untrusted.text(given))
    found = _CONTROLS.sub("", found)
    if not unicodedata.is_normalized("NFC", found):
        found = unicodedata.normalize("NFC", _MANY_MARKS.sub(r"\1", found))
    return found


def prose(given: str) -> str:
    """`text` of something whose layout means nothing: no spaces at line ends, no more than one blank line at a time."""
    return _BLANK_LINES.sub("\n\n", _SPACES_AT_ENDS.sub("", text(given))).strip()


def title(given: object) -> str:
    return " ".join(text(given).split())[:MAX_TITLE_CHARACTERS].strip() if isinstance(given, str) else ""


def check_length(characters: int) -> None:
    if characters > MAX_CHARACTERS:
        raise Unreadable(f"Its text is longer than {MAX_CHARACTERS:,} characters.", reason="too_long")
