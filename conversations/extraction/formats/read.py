"""A document of any format that can be read."""

from collections.abc import Callable

from conversations.extraction import cleaning
from conversations.extraction.detect import Found, Kind, detect
from conversations.extraction.errors import Unreadable
from conversations.extraction.extracted import Extracted
from conversations.extraction.formats import docx, html, pdf, text

_READERS: dict[Kind, Callable[[bytes, Found], Extracted]] = {
    "docx": docx.read,
    "html": html.read,
    "pdf": pdf.read,
    "text": text.read,
}


def read(data: bytes, *, media_type: str, name: str) -> Extracted:
    """Raises Unreadable, or whatever else the document leads a parser to."""
    if not data:
        raise Unreadable("It is empty.", reason="empty")
    found = detect(data, media_type=media_type, name=name)
    if found.kind == "image":
        return Extracted(text="", media_type=found.media_type)
    extracted = _READERS[found.kind](data, found)
    cleaning.check_length(len(extracted.text))
    return extracted
