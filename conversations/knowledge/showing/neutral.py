"""Texts of strangers on their way into the block of sources: nothing in them looks like a part of the block itself."""

import re

from conversations.knowledge.citing import marks
from providers import untrusted

# What reads like `[3]`: other brackets, other digits, blanks, leading zeros, or brackets that Markdown has escaped.
_ALIKE = re.compile(
    r"\\?[\[［【〔〖⟦⁅❲]\s{0,3}(\d{1,3}(?:\s{0,3}[,，、;；\-–—~]\s{0,3}\d{1,3}){0,15})\s{0,3}\\?[\]］】〕〗⟧⁆❳]"
)
_PLAIN = re.compile(r"\[[1-9]\d{0,2}(?: ?[,;~-] ?[1-9]\d{0,2})*\]", re.ASCII)
# A line that begins with a number, as a list of sources has it; also in code, where other marks are left alone.
_NUMBERED = re.compile(r"^([^\S\n]*!?)\[(\d{1,3})\]", re.MULTILINE)
_BEGIN_OR_END = re.compile(r"«(?=\s{0,3}(?:source|end)\b)", re.IGNORECASE)
_HEAD_OR_LAST = re.compile(
    r"^(?=[^\S\n]*(?:sources for the question|end of the sources)\b)", re.IGNORECASE | re.MULTILINE
)


def line(text: str, *, most: int) -> str:
    """A title or a name, on one line."""
    return _ALIKE.sub(r"(\1)", _BEGIN_OR_END.sub("‹", untrusted.one_line(text[:most])))


def address(url: str, *, most: int) -> str:
    """It leads where it led."""
    return _ALIKE.sub(r"%5B\1%5D", _BEGIN_OR_END.sub("‹", untrusted.one_line(url[:most])))


def passage(text: str) -> str:
    """With the lines that it has, and code as it is."""
    shown = _BEGIN_OR_END.sub("‹", untrusted.visible(text))
    shown = _NUMBERED.sub(r"\1(\2)", _ALIKE.sub(_unless_plain, shown))
    return _HEAD_OR_LAST.sub("> ", marks.in_round_brackets(shown))


def _unless_plain(match: re.Match[str]) -> str:
    """A mark as models write it is told from an index of code by `marks`."""
    return match[0] if _PLAIN.fullmatch(match[0]) else f"({match[1]})"
