"""The body of a response as plain bytes: unpacked, and without the blank lines that some send first."""

from collections.abc import Iterator

import httpx

from providers.transport import encodings

BLANK = b"\xef\xbb\xbf \t\r\n"


def decoded(response: httpx.Response, *, display_name: str) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes that are not blank, and the chunks after them.

    Raises UpstreamGarbled when the body cannot be unpacked. The raw stream is used where it is not compressed:
    httpx's own iterators cost more per token than our parsing.
    """
    stream = response.stream
    chunks = iter(stream) if isinstance(stream, httpx.SyncByteStream) else response.iter_raw()
    encoding = response.headers.get("content-encoding", "").strip().lower()
    head = _read_head(chunks, at_least=encodings.PROOF_BYTES if encoding else encodings.MAGIC_BYTES)
    if encoding or encodings.is_compressed(head):
        chunks = encodings.unpacked(head, chunks, encoding=encoding, display_name=display_name)
        head = _read_head(chunks, at_least=1)
    return head, chunks


def _read_head(chunks: Iterator[bytes], *, at_least: int) -> bytes:
    """Some vendors keep a connection alive with empty lines before the answer; they are dropped."""
    head = b""
    for chunk in chunks:
        head = (head + chunk).lstrip(BLANK)
        if len(head) >= at_least:
            break
    return head
