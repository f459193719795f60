"""Bodies that come packed although `identity` was asked for: unpacked no further than the limit, or refused by name."""

import re
import zlib
from collections.abc import Iterable

from conversations.outbound.errors import OutboundGarbled, OutboundTooLarge

# Other words of a stranger would be read by a model or a customer as ours.
_NAME = re.compile(r"[a-z0-9_.+-]{1,20}(?:, ?[a-z0-9_.+-]{1,20})?")
_WITH_HEADER, _BARE = zlib.MAX_WBITS | 32, -zlib.MAX_WBITS
_ZLIB_HEADER = 0x0F


def whole(chunks: Iterable[bytes], *, encoding: str, most_bytes: int) -> bytes:
    """The body. `encoding` is what the header says, "" for nothing.

    Raises OutboundTooLarge as soon as it has more than `most_bytes`, unpacked, and OutboundGarbled for an encoding that
    is not known or not true.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return _joined(chunks, most_bytes=most_bytes)
    if encoding in ("gzip", "x-gzip", "deflate"):
        return _unpacked(chunks, most_bytes=most_bytes)
    name = encoding if _NAME.fullmatch(encoding) else "something unknown"
    raise OutboundGarbled(f"the server packed its answer as {name}, which was not asked for")


def too_large(most_bytes: int) -> OutboundTooLarge:
    return OutboundTooLarge(f"it has more than {most_bytes // 1_000_000} MB")


def _joined(chunks: Iterable[bytes], *, most_bytes: int) -> bytes:
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > most_bytes:
            raise too_large(most_bytes)
    return bytes(data)


def _unpacked(chunks: Iterable[bytes], *, most_bytes: int) -> bytes:
    """`max_length` bounds each step, so that a few bytes cannot become gigabytes before they are counted."""
    data, stream = bytearray(), None
    try:
        for chunk in chunks:
            stream = stream or zlib.decompressobj(_window(chunk))
            # One byte more than is allowed tells a body that is too large.
            data += stream.decompress(stream.unconsumed_tail + chunk, most_bytes + 1 - len(data))
            if len(data) > most_bytes:
                raise too_large(most_bytes)
            if stream.eof:
                break
    except zlib.error as exc:
        raise OutboundGarbled("the server sent a packed answer that cannot be unpacked") from exc
    if stream is not None and not stream.eof:
        raise OutboundGarbled("the server sent a packed answer that has no end")
    return bytes(data)


def _window(first: bytes) -> int:
    """ "deflate" means with zlib's header (RFC 9110), but some servers send it without one."""
    return _WITH_HEADER if first[:1] == b"\x1f" or (first and first[0] & _ZLIB_HEADER == zlib.DEFLATED) else _BARE
