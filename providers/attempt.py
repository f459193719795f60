"""One HTTP request to a vendor and its answer, read as events. Retries are the client's business."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from itertools import chain, islice

import httpx

from providers import retry
from providers.catalog import Target
from providers.errors import ProviderError, UpstreamAuthFailed, UpstreamCut, UpstreamGarbled, UpstreamTimeout
from providers.events import Event
from providers.http import our_errors, timeouts
from providers.line import Line, Wire, speaking_on
from providers.protocols.openai_chat import errors
from providers.protocols.openai_chat.response import ResponseReader
from providers.protocols.registry import WireRequest
from providers.sse import SseReader

MAX_ERROR_BODY_BYTES = 64 * 1024
# The most vectors one may ask for, 2,048 of 3,072 numbers, are 34 MB.
MAX_WHOLE_BODY_BYTES = 64 * 1024 * 1024
# After [DONE] only the end of the body should follow; a vendor that goes on talking loses the connection.
MAX_CHUNKS_AFTER_DONE = 8
REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-oneapi-request-id", "cf-ray")
_BLANK = b"\xef\xbb\xbf \t\r\n"


class Attempt:
    def __init__(self, *, asked: WireRequest, target: Target, http: httpx.BaseTransport, line: Line) -> None:
        self._asked = asked
        self._target = target
        self._http = http
        self._line = line
        self.request_id: str | None = None

    def events(self, *, now: datetime) -> Iterator[Event]:
        """Raises ProviderError. `now` is what a Retry-After date is measured from."""
        with our_errors(self._target.label, response_began=False):
            response = self._send()
        try:
            self.request_id = _request_id(response.headers)
            if not response.is_success:
                raise self._refusal(response, now)
            yield from self._read(response)
        finally:
            # The line lets go before the connection is given back, or a late abort would hit its next user.
            self._line.release()
            response.close()

    def _send(self) -> httpx.Response:
        target, asked = self._target, self._asked
        url, headers = _envelope(target.base_url, asked.path, asked.accept, target.api_key, target.label)
        limits = timeouts(connect=target.connect_timeout, read=target.read_timeout)
        request = httpx.Request(
            "POST", url, headers=headers, content=asked.body, extensions={"timeout": limits.as_dict()}
        )
        with speaking_on(self._line):
            return self._http.handle_request(request)

    def _refusal(self, response: httpx.Response, now: datetime) -> ProviderError:
        return errors.from_response(
            status=response.status_code,
            body=_read_error_body(response),
            label=self._target.label,
            secret=self._target.api_key,
            retry_after=retry.retry_after_seconds(response.headers, now=now),
            request_id=self.request_id,
        )

    def _read(self, response: httpx.Response) -> Iterator[Event]:
        target = self._target
        reader = self._asked.new_reader(
            vendor=target.vendor, label=target.label, secret=target.api_key, request_id=self.request_id
        )
        try:
            with our_errors(target.label, response_began=True):
                yield from self._read_body(response, reader)
        except (UpstreamCut, UpstreamTimeout):
            if not reader.is_complete:
                raise
        yield from reader.finish()

    def _read_body(self, response: httpx.Response, reader: ResponseReader) -> Iterator[Event]:
        """A body is recognised by how it begins: gateways mislabel it, and no event stream begins with a brace."""
        chunks = _chunks(response)
        head = _first_visible(chunks)
        begin = head.lstrip(_BLANK)[:1]
        if begin in (b"{", b"["):
            yield from reader.read_whole(_read_whole(head, chunks, self._target.label))
        elif begin == b"<":
            raise UpstreamGarbled(f"{self._target.label} answered with a web page; its base URL is wrong.")
        else:
            yield from _read_stream(chain((head,), chunks), reader)
            _drain(response, chunks)


@lru_cache(maxsize=64)
def _envelope(base_url: str, path: str, accept: str, api_key: str, label: str) -> tuple[httpx.URL, httpx.Headers]:
    """Address and headers, made once for all calls of a kind to a vendor: httpx takes 0.1 ms for them.

    Raises UpstreamAuthFailed for a key that cannot travel in a header (httpx would show it in its error).
    """
    headers = {
        "Accept": accept,
        "Accept-Encoding": "identity",
        "Connection": "keep-alive",
        "Content-Type": "application/json",
        "User-Agent": "Parley",
    }
    if not (api_key.isascii() and api_key.isprintable()):
        raise UpstreamAuthFailed(f"The key for {label} holds characters that no key has.")
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    return httpx.URL(base_url.rstrip("/") + path), httpx.Headers(headers)


def _request_id(headers: httpx.Headers) -> str | None:
    return next((headers[name] for name in REQUEST_ID_HEADERS if name in headers), None)


def _chunks(response: httpx.Response) -> Iterator[bytes]:
    """The raw stream when it is not compressed: httpx's own iterators cost more per token than our parsing."""
    if "content-encoding" in response.headers or not isinstance(response.stream, httpx.SyncByteStream):
        return response.iter_bytes()
    return iter(response.stream)


def _read_error_body(response: httpx.Response) -> bytes:
    """As much as came: an error whose body breaks off is still that error."""
    body = b""
    with suppress(httpx.TransportError, httpx.DecodingError):
        for chunk in _chunks(response):
            body += chunk
            if len(body) >= MAX_ERROR_BODY_BYTES:
                break
    return body[:MAX_ERROR_BODY_BYTES]


def _first_visible(chunks: Iterator[bytes]) -> bytes:
    head = b""
    for chunk in chunks:
        head += chunk
        if head.strip(_BLANK):
            break
    return head


def _read_whole(head: bytes, chunks: Iterator[bytes], label: str) -> bytes:
    body = bytearray(head)
    for chunk in chunks:
        body += chunk
        if len(body) > MAX_WHOLE_BODY_BYTES:
            raise UpstreamGarbled(f"{label} answered with a body of unreasonable size.")
    return bytes(body.lstrip(_BLANK))


def _read_stream(chunks: Iterator[bytes], reader: ResponseReader) -> Iterator[Event]:
    sse = SseReader()
    for chunk in chunks:
        for payload in sse.feed(chunk):
            yield from reader.read(payload)
        if reader.is_done:
            return
    yield from _read_last(sse, reader)


def _read_last(sse: SseReader, reader: ResponseReader) -> Iterator[Event]:
    """An event that the end of the body cut in half is no garbage: the connection was cut."""
    for payload in sse.close():
        try:
            found = reader.read(payload)
        except UpstreamGarbled as exc:
            raise UpstreamCut(exc.message) from exc
        yield from found


def _drain(response: httpx.Response, chunks: Iterator[bytes]) -> None:
    """Read the end of the body, so that the connection can serve another call; but hardly wait for it."""
    wire = response.extensions.get("network_stream")
    if isinstance(wire, Wire):
        wire.is_draining = True
        with suppress(httpx.TransportError):
            for _ in islice(chunks, MAX_CHUNKS_AFTER_DONE):
                pass
