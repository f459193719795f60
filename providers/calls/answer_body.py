"""The body of a vendor's 200, in whatever form it comes, read as events and for no longer than makes sense."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice

import httpx

from providers.errors import AnswerTooLong, UpstreamCut, UpstreamGarbled
from providers.events import StreamEvent, UsageReported
from providers.protocols.openai_chat.response import ResponseReader
from providers.transport import encodings
from providers.transport.abortable import DRAIN_SECONDS, AbortHandle
from providers.transport.sse import SseEvent, SseReader

# Of a body for each byte of the largest answer. Whole, a character of two bytes may be written in six, as `\\u4f60`;
# streamed, there are some 300 bytes around each token.
WHOLE_BODY_SHARE = 3
STREAM_SHARE = 100
# Once every choice has its finish only usage and [DONE] should follow; heartbeats that go on hold no run.
GRACE_SECONDS = 3.0
# After [DONE] only the end of the body should follow; a vendor that goes on talking loses the connection.
MAX_CHUNKS_AFTER_DONE = 8
_BLANK = b"\xef\xbb\xbf \t\r\n"


def events(
    response: httpx.Response, reader: ResponseReader, *, handle: AbortHandle, label: str, most: int
) -> Iterator[StreamEvent]:
    """A body is recognised by how it begins: gateways mislabel it, and no event stream begins with a brace.

    `most`: bytes of the largest answer. Raises AnswerTooLong for a body that says far more.
    """
    head, chunks = plain_chunks(response, label=label)
    if head[:1] in (b"{", b"["):
        yield from _read_whole(
            head, chunks, reader, label, most=max(WHOLE_BODY_SHARE * most, reader.LARGEST_BODY_BYTES)
        )
    elif head.startswith(b"<"):
        raise UpstreamGarbled(f"{label} answered with a web page; its base URL is wrong.")
    else:
        yield from _read_stream(chain((head,), chunks), reader, handle, label, most=STREAM_SHARE * most)
        _drain(chunks, handle)


def plain_chunks(response: httpx.Response, *, label: str) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes that are not blank, and what follows. Raises UpstreamGarbled when it cannot be unpacked.

    The raw stream where it is not compressed: httpx's own iterators cost more per token than our parsing.
    """
    stream = response.stream
    chunks = iter(stream) if isinstance(stream, httpx.SyncByteStream) else response.iter_raw()
    named = response.headers.get("content-encoding", "").strip().lower()
    head = _visible(chunks, at_least=encodings.PROOF_BYTES if named else encodings.MAGIC_BYTES)
    if named or encodings.is_compressed(head):
        chunks = encodings.unpacked(head, chunks, named=named, label=label)
        head = _visible(chunks, at_least=1)
    return head, chunks


def _visible(chunks: Iterator[bytes], *, at_least: int) -> bytes:
    """Some keep a connection alive with empty lines."""
    head = b""
    for chunk in chunks:
        head = (head + chunk).lstrip(_BLANK)
        if len(head) >= at_least:
            break
    return head


def _read_whole(
    head: bytes, chunks: Iterator[bytes], reader: ResponseReader, label: str, *, most: int
) -> Iterator[StreamEvent]:
    """An answer that is whole, though its body is not: the length was wrong, or nobody said where it ends."""
    body, failure = bytearray(head), None
    try:
        for chunk in chunks:
            body += chunk
            if len(body) > most:
                raise AnswerTooLong(f"{label} answered with a body of more than {most} bytes.")
    except httpx.TransportError as exc:
        failure = exc
    try:
        found = reader.read_whole(bytes(body))
    except UpstreamGarbled:
        if failure is not None:
            raise failure from None
        raise
    yield from found


def _read_stream(
    chunks: Iterator[bytes], reader: ResponseReader, handle: AbortHandle, label: str, *, most: int
) -> Iterator[StreamEvent]:
    stream, size = EventStream(reader, label=label), 0
    for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise AnswerTooLong(f"{label} answered with a stream of more than {most} bytes.")
        has_more = False
        for event in stream.feed(chunk):
            has_more = has_more or not isinstance(event, UsageReported)
            yield event
        if reader.is_done:
            return
        if reader.is_complete and (has_more or handle.read_until is None):
            # Some say with every chunk that it was the last: words after the finish begin the grace anew.
            handle.read_within(GRACE_SECONDS)
    yield from stream.close()


class EventStream:
    """Bytes of an event stream in, an answer's events out."""

    def __init__(self, reader: ResponseReader, *, label: str) -> None:
        self._sse = SseReader()
        self._reader = reader
        self._label = label

    def feed(self, chunk: bytes) -> Iterator[StreamEvent]:
        for data, name in self._sse.feed(chunk):
            yield from self._reader.read(data, name)
            if self._reader.is_done:
                return

    def close(self) -> Iterator[StreamEvent]:
        """Raises UpstreamGarbled for a body that never was an event stream.

        An event that the end of the body cut in half is no garbage: the connection was cut.
        """
        rest = self._sse.close()
        for event in rest:
            yield from self._last(event)
        if not (rest or self._reader.has_begun or self._sse.has_fields or self._sse.is_blank):
            raise UpstreamGarbled(f"{self._label} answered with something that is no answer.")

    def _last(self, event: SseEvent) -> list[StreamEvent]:
        try:
            return self._reader.read(*event)
        except UpstreamGarbled as exc:
            raise UpstreamCut(exc.message) from exc


def _drain(chunks: Iterator[bytes], handle: AbortHandle) -> None:
    """Read the end of the body, so that the connection can serve another call; but hardly wait for it."""
    handle.read_within(DRAIN_SECONDS)
    with suppress(httpx.TransportError):
        for _ in islice(chunks, MAX_CHUNKS_AFTER_DONE):
            pass
