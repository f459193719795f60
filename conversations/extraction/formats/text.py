"""Plain text, Markdown, tables, JSON, XML and source code: as it is, in any charset."""

import re

from conversations.extraction import cleaning
from conversations.extraction.charsets.decode import decode
from conversations.extraction.detect import Found
from conversations.extraction.errors import Unreadable
from conversations.extraction.extracted import Extracted

_XML_CHARSET = re.compile(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:+-]{1,40})", re.IGNORECASE)
_JSON_TYPES = frozenset({"application/json", "application/jsonl", "application/x-ndjson", "application/ld+json"})
_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
# What these escape must stay escaped: control characters, quotes and the backslash.
_FIRST_PRINTABLE = 0xA0


def read(data: bytes, found: Found) -> Extracted:
    """Raises Unreadable."""
    match = _XML_CHARSET.match(data)
    text = decode(data, declared=found.charset or (match[1].decode("ascii", "replace") if match else ""))
    if found.media_type in _JSON_TYPES:
        text = _ESCAPED.sub(_unescaped, text)
    text = cleaning.text(text)
    if not text.strip():
        raise Unreadable("It is empty.", reason="empty")
    return Extracted(text=text, media_type=found.media_type)


def _unescaped(match: re.Match[str]) -> str:
    """Chinese in JSON is often written as \\u4e2d, which nobody would find."""
    code = int(match[1], 16) if match[1] else 0
    return chr(code) if code >= _FIRST_PRINTABLE else match[0]
