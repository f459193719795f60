"""The body of a 200, stream or whole JSON, read as events, and for no longer than an answer can take."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice

from providers.calls.protocol import AnswerReader
from providers.errors import AnswerTooLong, UpstreamCut, UpstreamGarbled
from providers.events import StreamEvent, UsageReported
from providers.transport import body
from providers.transport.abortable import DRAIN_SECONDS, AbortHandle
from providers.transport.http import Response, TransportError
from providers.transport.sse import SseEvent, SseReader

# How many bytes of body are read for each byte of the largest answer. In a whole body a character of two bytes may be
# written in six, as `\\u4f60`; in a stream there are some 300 bytes around each token.
WHOLE_BODY_FACTOR = 3
STREAM_FACTOR = 100
# Once every choice has its finish, only usage and the end of the stream should follow. A vendor that then only sends
# heartbeats must not delay the end of the run.
GRACE_SECONDS = 3.0
# Once the answer is done, only the end of the body should follow. A vendor that continues to send loses the connection.
MAX_CHUNKS_AFTER_DONE = 8


def events(
    response: Response, reader: AnswerReader, *, handle: AbortHandle, display_name: str, max_bytes: int
) -> Iterator[StreamEvent]:
    """The events of the answer. `max_bytes` is the size of the largest answer.

    Whether a body is JSON or a stream is seen by its first byte, because gateways send wrong content types, and no
    event stream begins with a brace. Raises AnswerTooLong for a body that is far larger than such an answer, and
    whatever `reader` raises.
    """
    head, chunks = body.decoded(response, display_name=display_name)
    if head[:1] in (b"{", b"["):
        limit = max(WHOLE_BODY_FACTOR * max_bytes, reader.LARGEST_BODY_BYTES)
        yield from _read_whole(head, chunks, reader, display_name, max_bytes=limit)
    elif head.startswith(b"<"):
        raise UpstreamGarbled(f"{display_name} answered with a web page; its base URL is wrong.")
    else:
        stream = chain((head,), chunks)
        yield from _read_stream(stream, reader, handle, display_name, max_bytes=STREAM_FACTOR * max_bytes)
        _drain(chunks, handle)


def _read_whole(
    head: bytes, chunks: Iterator[bytes], reader: AnswerReader, display_name: str, *, max_bytes: int
) -> Iterator[StreamEvent]:
    """A broken connection is forgiven when the JSON is complete: the announced length may have been wrong."""
    data, failure = bytearray(head), None
    try:
        for chunk in chunks:
            data += chunk
            if len(data) > max_bytes:
                raise AnswerTooLong(f"{display_name} answered with a body of more than {max_bytes} bytes.")
    except TransportError as exc:
        failure = exc
    try:
        found = reader.read_whole(bytes(data))
    except UpstreamGarbled:
        if failure is not None:
            raise failure from None
        raise
    yield from found


def _read_stream(
    chunks: Iterator[bytes], reader: AnswerReader, handle: AbortHandle, display_name: str, *, max_bytes: int
) -> Iterator[StreamEvent]:
    stream, size = EventStream(reader, display_name=display_name), 0
    for chunk in chunks:
        size += len(chunk)
        if size > max_bytes:
            raise AnswerTooLong(f"{display_name} answered with a stream of more than {max_bytes} bytes.")
        has_more = False
        for event in stream.feed(chunk):
            has_more = has_more or not isinstance(event, UsageReported)
            yield event
        if reader.is_done:
            return
        if reader.is_complete and (has_more or handle.read_until is None):
            # Some vendors set a finish reason in every chunk: text after it begins the grace period anew.
            handle.read_within(GRACE_SECONDS)
    yield from stream.close()


class EventStream:
    """Bytes of an event stream in, an answer's events out."""

    def __init__(self, reader: AnswerReader, *, display_name: str) -> None:
        self._sse = SseReader()
        self._reader = reader
        self._display_name = display_name

    def feed(self, chunk: bytes) -> Iterator[StreamEvent]:
        for data, name in self._sse.feed(chunk):
            yield from self._reader.read(data, name)
            if self._reader.is_done:
                return

    def close(self) -> Iterator[StreamEvent]:
        """Raises UpstreamGarbled for a body that never was an event stream.

        An event that the end of the body cut in half raises UpstreamCut instead: the connection broke.
        """
        rest = self._sse.close()
        for event in rest:
            yield from self._last(event)
        if not (rest or self._reader.has_begun or self._sse.has_fields or self._sse.is_blank):
            raise UpstreamGarbled(f"{self._display_name} answered with something that is no answer.")

    def _last(self, event: SseEvent) -> list[StreamEvent]:
        try:
            return self._reader.read(*event)
        except UpstreamGarbled as exc:
            raise UpstreamCut(exc.message) from exc


def _drain(chunks: Iterator[bytes], handle: AbortHandle) -> None:
    """Read the end of the body, so that the connection can serve another call. Waits 50 ms at most."""
    handle.read_within(DRAIN_SECONDS)
    with suppress(TransportError):
        for _ in islice(chunks, MAX_CHUNKS_AFTER_DONE):
            pass
