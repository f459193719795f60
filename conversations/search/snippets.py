"""Titles and snippets of search engines: HTML of unknown origin, made harmless and short."""

import html
import re
from typing import Any

from providers import untrusted

TITLE_MAX_CHARS = 300
SNIPPET_MAX_CHARS = 2_000
# Cut before it is looked at: what an engine sends may be megabytes.
RAW_MAX_CHARS = 8 * SNIPPET_MAX_CHARS

# Brave marks words of the query by <strong>, others by <b> or <em>.
_MARK = re.compile(r"<(/?)(?:strong|em|b)\s*>", re.IGNORECASE)
# Also one that does not end: the text is shown inside other HTML, whose next `>` would end it.
_TAG = re.compile(r"<(?!/?b>)[a-z/!?][^<>]*>?", re.IGNORECASE)
_BOLD = re.compile(r"</?b>")
_BLANKS = re.compile(r"\s+")


def snippet(given: Any) -> str:
    """HTML with no tag but `<b>`, each of them closed, and no entities. "" for what is no text."""
    text = _MARK.sub(r"<\1b>", _decoded(given))
    # Without a tag inside it, what was around that may be one.
    while text != (text := _TAG.sub("", text)):
        pass
    return _closed(_BLANKS.sub(" ", text).strip()[:SNIPPET_MAX_CHARS])


def plain(given: Any, *, most: int = TITLE_MAX_CHARS) -> str:
    """The text alone. "" for what is no text."""
    return _BOLD.sub("", snippet(given))[:most].strip()


def _decoded(given: Any) -> str:
    if not isinstance(given, str):
        return ""
    # Entities may stand for U+0000 and for halves of characters.
    return untrusted.text(html.unescape(given[:RAW_MAX_CHARS]))


def _closed(text: str) -> str:
    """Without a tag that was cut in two, and without marks that are not closed or were never opened."""
    text = re.sub(r"</?b?$", "", text)
    pieces, is_open = [], False
    for piece in re.split(r"(</?b>)", text):
        if piece not in ("<b>", "</b>"):
            pieces.append(piece)
        elif is_open == (piece == "</b>"):
            is_open = not is_open
            pieces.append(piece)
    return "".join([*pieces, "</b>" if is_open else ""])
