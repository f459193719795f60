"""Bodies that came compressed though nobody asked for it: read where the standard library can, else refused by name.

What a body is shows in its first bytes; what its header says is often untrue.
"""

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

from providers.errors import UpstreamGarbled

# The longest piece handed on: a few bytes may unfold to gigabytes, and every reader measures what it is given.
PIECE_BYTES = 256 * 1024
# As many first bytes as it takes to know: without a header that speaks of it, and with one.
MAGIC_BYTES, PROOF_BYTES = 4, 16
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_WITH_HEADER, _BARE = zlib.MAX_WBITS | 32, -zlib.MAX_WBITS
# No text of a vendor has one, and hardly a compressed body has none among its first.
_NEVER_IN_TEXT = bytes({*range(0x20), 0x7F} - set(b"\t\r\n"))
MAX_NAME_CHARACTERS = 40


def is_compressed(head: bytes) -> bool:
    return head.startswith((_GZIP, _ZSTD, *_ZLIB))


def unpacked(head: bytes, chunks: Iterable[bytes], *, named: str, label: str) -> Iterator[bytes]:
    """The body that begins with `head`, unpacked where it has to be; `named` is what its header says of it.

    Raises UpstreamGarbled for what cannot be unpacked.
    """
    body = chain((head,), chunks)
    if head.startswith((_GZIP, *_ZLIB)):
        return _unpack(body, _WITH_HEADER, label)
    if head.startswith(_ZSTD):
        named = "zstd"
    elif _is_text(head[:PROOF_BYTES]):
        return body
    elif named == "deflate":
        return _unpack(body, _BARE, label)
    name = named[:MAX_NAME_CHARACTERS]
    raise UpstreamGarbled(f"{label} sent its answer compressed as {name}, which was not asked for.")


def _is_text(head: bytes) -> bool:
    """A character that was cut at the end of `head` does not matter."""
    if head != head.translate(None, _NEVER_IN_TEXT):
        return False
    return "\ufffd" not in head.decode("utf-8", "replace")[:-1]


def _unpack(chunks: Iterable[bytes], window: int, label: str) -> Iterator[bytes]:
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
        raise UpstreamGarbled(f"{label} sent a compressed answer that cannot be unpacked.") from exc
