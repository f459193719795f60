"""Bodies that are compressed although we did not ask for it: unpacked by the standard library, or refused by name.

The first bytes show what a body is; the header is often wrong.
"""

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

from providers.errors import UpstreamGarbled

# The longest piece passed on: a few bytes may unpack to gigabytes, and readers check their limits once for each piece.
PIECE_BYTES = 256 * 1024
# How many first bytes are needed to recognise the encoding: without a Content-Encoding header, and with one.
MAGIC_BYTES, PROOF_BYTES = 4, 16
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_WITH_HEADER, _BARE = zlib.MAX_WBITS | 32, -zlib.MAX_WBITS
# Control characters. No vendor's text has one; nearly every compressed body has one in its first bytes.
_NEVER_IN_TEXT = bytes({*range(0x20), 0x7F} - set(b"\t\r\n"))
MAX_NAME_CHARACTERS = 40


def is_compressed(head: bytes) -> bool:
    return head.startswith((_GZIP, _ZSTD, *_ZLIB))


def unpacked(head: bytes, chunks: Iterable[bytes], *, encoding: str, display_name: str) -> Iterator[bytes]:
    """The body that begins with `head`, unpacked if it is compressed. `encoding` is what the header says.

    Raises UpstreamGarbled for what cannot be unpacked.
    """
    body = chain((head,), chunks)
    if head.startswith((_GZIP, *_ZLIB)):
        return _unpack(body, _WITH_HEADER, display_name)
    if head.startswith(_ZSTD):
        encoding = "zstd"
    elif _is_text(head[:PROOF_BYTES]):
        return body
    elif encoding == "deflate":
        return _unpack(body, _BARE, display_name)
    name = encoding[:MAX_NAME_CHARACTERS]
    raise UpstreamGarbled(f"{display_name} sent its answer compressed as {name}, which was not asked for.")


def _is_text(head: bytes) -> bool:
    """Whether it is UTF-8 text; a character that is cut at the end of `head` does not matter."""
    if head != head.translate(None, _NEVER_IN_TEXT):
        return False
    return "\ufffd" not in head.decode("utf-8", "replace")[:-1]


def _unpack(chunks: Iterable[bytes], window: int, display_name: str) -> Iterator[bytes]:
    stream = zlib.decompressobj(window)
    try:
        for chunk in chunks:
            piece = stream.decompress(chunk, PIECE_BYTES)
            while piece:
                yield piece
                piece = stream.decompress(stream.unconsumed_tail, PIECE_BYTES)
            if stream.eof:
                return
    except zlib.error as exc:
        raise UpstreamGarbled(f"{display_name} sent a compressed answer that cannot be unpacked.") from exc
