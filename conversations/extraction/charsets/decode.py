"""Which charset bytes are in: byte order mark, UTF-8, what was declared, and else the likeliest."""

import codecs
import re

from conversations.extraction.charsets import likeliest
from conversations.extraction.errors import Unreadable

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
# What browsers take for these (WHATWG Encoding), and supersets that writers mean by the narrower name.
_WIDER = {
    "gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs",
    "shift_jis": "cp932", "euc_kr": "cp949", "iso8859-9": "cp1254", "tis-620": "cp874", "iso8859-11": "cp874",
}  # fmt: skip
# UTF-8 is tried anyway, and the others are what servers declare when nobody has told them.
_SAID_WITHOUT_LOOKING = frozenset({"utf-8", "ascii", "iso8859-1", "cp1252"})
# Text in these is ASCII byte for byte, so that it would pass as UTF-8.
_SEVEN_BITS = frozenset({"iso2022_jp", "iso2022_jp_2", "iso2022_kr", "hz", "utf-7"})
_DOUBLE_BYTES = frozenset({"gb18030", "big5hkscs", "cp932", "cp949", "euc_jp"})
# So many sequences that are UTF-8 by chance happen in no text of another charset.
_SEQUENCES_OF_UTF8 = 4
_SEQUENCE = re.compile(rb"[\xc2-\xf4][\x80-\xbf]+")
_MAX_ESCAPED_SEQUENCE = 4
_SAMPLE_BYTES = 4096
# Of the bytes at even, or at odd places of UTF-16 in a Western language, nearly all are 0.
_ZEROS_OF_UTF16 = 0.4
_ZEROS_OF_UTF16_ELSEWHERE = 0.05
# A program or a picture has ten times as many control characters and bytes that are none.
_MAX_NOT_TEXT = 0.05
_SAMPLE_CHARACTERS = 100_000
_NOT_TEXT = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffd]")


def decode(data: bytes, *, declared: str = "") -> str:
    """`declared` is a charset's name, or empty. Raises Unreadable for what is no text."""
    text = _decoded(data, declared)
    sample = text[:_SAMPLE_CHARACTERS]
    if len(_NOT_TEXT.findall(sample)) > _MAX_NOT_TEXT * len(sample):
        raise Unreadable("It is neither text nor a document of a kind that can be read.", reason="unsupported")
    return text


def _decoded(data: bytes, declared: str) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    encoding = _python_name(declared)
    if encoding in _SEVEN_BITS or encoding.startswith(("utf-16", "utf-32")):
        return data.decode(encoding, "replace")
    if guessed := _without_mark(data):
        return data.decode(guessed, "replace")
    if (text := _utf8(data)) is not None and not _is_rather(data, encoding):
        return text
    if encoding:
        try:
            return data.decode(encoding)
        except ValueError:
            pass  # declared wrongly
    return data.decode(likeliest.encoding(data, declared=encoding), "replace")


def _python_name(declared: str) -> str:
    """The codec's name; empty for one that Python does not know, or that is not of text."""
    try:
        found = codecs.lookup(declared.strip())
    except (LookupError, ValueError):
        return ""
    # Python has codecs that unpack and unescape; a document may not ask for them.
    if not found._is_text_encoding or found.name in {"unicode_escape", "raw_unicode_escape", "idna", "punycode"}:
        return ""
    return "" if found.name in _SAID_WITHOUT_LOOKING else _WIDER.get(found.name, found.name)


def _without_mark(data: bytes) -> str:
    sample = data[:_SAMPLE_BYTES]
    half = len(sample) // 2
    if half:
        even, odd = (sample[start::2].count(0) / half for start in (0, 1))
        if odd > _ZEROS_OF_UTF16 and even < _ZEROS_OF_UTF16_ELSEWHERE:
            return "utf-16-le"
        if even > _ZEROS_OF_UTF16 and odd < _ZEROS_OF_UTF16_ELSEWHERE:
            return "utf-16-be"
    return "iso2022_jp" if b"\x1b$B" in sample or b"\x1b$@" in sample else ""


def _utf8(data: bytes) -> str | None:
    """None for what is not UTF-8. A character that the end of the document cuts off is left out."""
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        if exc.reason != "unexpected end of data" or len(data) - exc.start >= _MAX_ESCAPED_SEQUENCE:
            return None
        return data[: exc.start].decode()


def _is_rather(data: bytes, encoding: str) -> bool:
    """Whether it is in the declared charset although it is valid UTF-8: two Chinese characters may be both."""
    if encoding not in _DOUBLE_BYTES:
        return False
    sequences = _SEQUENCE.finditer(data)
    return 0 < sum(1 for _, _ in zip(sequences, range(_SEQUENCES_OF_UTF8), strict=False)) < _SEQUENCES_OF_UTF8
