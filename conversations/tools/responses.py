"""The text of an HTTP response: as it is where it is text, a line about it where it is not."""

from conversations.outbound import http
from conversations.outbound.errors import OutboundGarbled
from conversations.outbound.http import Response

# Besides text/*, and what ends in +json or +xml.
_TEXT_TYPES = frozenset(
    f"application/{name}"
    for name in ("javascript", "json", "x-ndjson", "x-www-form-urlencoded", "x-yaml", "xml", "yaml")
)
# What is not UTF-8 is read in the charset that is declared, if it is one of these: Python knows codecs that are none,
# and some that take long.
_CHARSETS = frozenset(
    {"big5", "cp1250", "cp1251", "cp1252", "euc-jp", "euc-kr", "gb18030", "gb2312", "gbk", "iso-8859-1", "iso-8859-15"}
    | {"koi8-r", "latin-1", "shift_jis", "utf-16", "utf-16be", "utf-16le", "windows-1250", "windows-1251"}
    | {"windows-1252"}
)


def text(response: Response, *, max_bytes: int) -> tuple[str, bool]:
    """At most `max_bytes` of it are read; whether there were more. Raises OutboundError, and httpx's errors."""
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        # Unpacking has no limit, and nobody asked for it.
        raise OutboundGarbled("the server sent a compressed response, although it was asked not to")
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()[:100]
    if media_type and not _is_text(media_type):
        size = response.headers.get("content-length", "")
        length = f"{size} bytes" if size.isascii() and size.isdigit() and len(size) < 20 else "unknown length"  # noqa: PLR2004
        return f"[{media_type}, {length}: it is no text, and not shown]", False
    data = bytearray()
    for chunk in http.pieces(response):
        data += chunk
        if len(data) > max_bytes:
            break
    return _decoded(bytes(data[:max_bytes]), response.charset_encoding), len(data) > max_bytes


def _is_text(media_type: str) -> bool:
    return media_type.startswith("text/") or media_type in _TEXT_TYPES or media_type.endswith(("+json", "+xml"))


def _decoded(data: bytes, declared: str | None) -> str:
    charset = (declared or "").strip().lower()
    if charset in _CHARSETS:
        try:
            data.decode()
        except UnicodeDecodeError:
            return data.decode(charset, errors="replace")
    return data.decode(errors="replace").removeprefix("\ufeff")
