"""What a document is: by its bytes first, then by its declared type, then by the end of its name. Pure."""

import re
from dataclasses import dataclass
from typing import Literal

from conversations.extraction.errors import Unreadable

Kind = Literal["html", "pdf", "docx", "text", "image"]

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
HTML = "text/html"
PLAIN = "text/plain"
_HEAD_BYTES = 1024
_MAX_NAME_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Found:
    """`charset` is the declared one, or empty."""

    kind: Kind
    media_type: str
    charset: str = ""


_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
)
_BMP_RESERVED = slice(6, 10)
# In the box that an ISO media file begins with.
_BRANDS = {
    b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif",
}  # fmt: skip
# What is known to be no text, with the words for a customer.
_UNSUPPORTED = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "It is an old Office document. Send it as DOCX, PDF or text."),
    (b"{\\rtf", "It is an RTF document. Send it as DOCX, PDF or text."),
    (b"%!PS", "It is a PostScript document. Send it as PDF."),
    (b"\x1f\x8b", "It is a compressed file."),
    (b"BZh", "It is a compressed file."),
    (b"\xfd7zXZ", "It is a compressed file."),
    (b"\x28\xb5\x2f\xfd", "It is a compressed file."),
    (b"7z\xbc\xaf", "It is an archive."),
    (b"Rar!", "It is an archive."),
    (b"OggS", "It is a sound or a film."),
    (b"ID3", "It is a sound or a film."),
    (b"fLaC", "It is a sound or a film."),
    (b"RIFF", "It is a sound or a film."),
    (b"\x1aE\xdf\xa3", "It is a sound or a film."),
    (b"\x7fELF", "It is a program."),
    (b"SQLite format 3", "It is a database."),
)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
# Atomic groups: without them a head of empty comments could be divided in more ways than there is time for.
_BEFORE = rb"(?>\s|<\?xml[^>]*>|<!--.*?-->|<!doctype\s+svg[^>]*>)*+"
_HTML_START = re.compile(_BEFORE + rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_SVG_START = re.compile(_BEFORE + rb"<svg\b", re.IGNORECASE | re.DOTALL)
_XML_START = re.compile(rb"\s*<\?xml\b")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:+-]{1,40})", re.IGNORECASE)
_HTML_TYPES = frozenset({HTML, "application/xhtml+xml"})
_SUFFIXES = {
    "html": HTML, "htm": HTML, "xhtml": HTML, "md": "text/markdown", "markdown": "text/markdown", "csv": "text/csv",
    "tsv": "text/tab-separated-values", "json": "application/json", "jsonl": "application/jsonl",
    "ndjson": "application/jsonl", "xml": "application/xml", "svg": "image/svg+xml",
}  # fmt: skip
_TEXT_TYPES = frozenset(
    {*_SUFFIXES.values(), "application/x-ndjson", "application/ld+json", "text/xml", "text/x-markdown"}
)


def image_type(data: bytes) -> str | None:
    """The media type of a picture by its first bytes; None for anything else. SVG is text."""
    for start, media_type in _IMAGES:
        if data.startswith(start):
            # Two letters alone are also the beginning of a text.
            return None if media_type == "image/bmp" and data[_BMP_RESERVED] != bytes(4) else media_type
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return _BRANDS.get(data[8:12]) if data[4:8] == b"ftyp" else None


def detect(data: bytes, *, media_type: str, name: str) -> Found:
    """Raises Unreadable for what is known, but not read. A zip file counts as DOCX; who opens it learns more."""
    if image := image_type(data):
        return Found("image", image)
    head = data[:_HEAD_BYTES]
    # Readers accept a PDF whose header comes within the first 1,024 bytes.
    if b"%PDF-" in head:
        return Found("pdf", PDF)
    if data.startswith(_ZIP):
        return Found("docx", DOCX)
    if data[4:8] == b"ftyp":
        raise Unreadable("It is a sound or a film.", reason="unsupported")
    for start, message in _UNSUPPORTED:
        if data.startswith(start):
            raise Unreadable(message, reason="unsupported")
    return _text(head, media_type=media_type.strip().lower(), name=name[-_MAX_NAME_CHARACTERS:].lower())


def _text(head: bytes, *, media_type: str, name: str) -> Found:
    declared, _, parameters = media_type.partition(";")
    charset = match[1] if (match := _CHARSET.search(parameters)) else ""
    declared = declared.strip()
    by_name = _SUFFIXES.get(name.rpartition(".")[2], "") if "." in name else ""
    # NULs are left out so that the names of elements are found in UTF-16 too.
    start = head.replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
    if _SVG_START.match(start):
        return Found("text", "image/svg+xml", charset)
    # What is declared as a text of another kind may begin with a tag: an example in Markdown.
    is_other_text = declared in _TEXT_TYPES - _HTML_TYPES or (not declared and by_name and by_name != HTML)
    if declared in _HTML_TYPES or (not is_other_text and (_HTML_START.match(start) or by_name == HTML)):
        return Found("html", HTML, charset)
    if declared in _TEXT_TYPES or (declared.startswith("text/") and declared != PLAIN):
        return Found("text", declared, charset)
    return Found("text", by_name or ("application/xml" if _XML_START.match(start) else PLAIN), charset)
