"""One HTTP request to a vendor and its answer, read as events. Retries are up to `http_call`."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import lru_cache

from providers import untrusted
from providers.calls import answer_body
from providers.calls.protocol import AnswerReader, HttpProtocol, WireRequest
from providers.catalog import Target
from providers.errors import (
    AnswerTooLong,
    ProviderError,
    UpstreamAuthFailed,
    UpstreamCut,
    UpstreamGarbled,
    UpstreamTimeout,
)
from providers.events import StreamEvent
from providers.messages import Usage
from providers.transport import body, http, retry_after
from providers.transport.abortable import AbortHandle
from providers.transport.http import Envelope, Headers, Response, Transport

MAX_ERROR_BODY_BYTES = 64 * 1024
# An error's body normally comes at once. Of one that trickles in, what came by then is read.
ERROR_BODY_SECONDS = 5.0
REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-oneapi-request-id", "cf-ray")
MAX_REQUEST_ID_CHARACTERS = 200


class HttpExchange:
    """`request_id` is the vendor's name for the request, once the response began."""

    def __init__(
        self,
        wire_request: WireRequest,
        *,
        protocol: HttpProtocol,
        target: Target,
        transport: Transport,
        handle: AbortHandle,
    ) -> None:
        self._wire_request = wire_request
        self._protocol = protocol
        self._target = target
        self._transport = transport
        self._handle = handle
        self._reader: AnswerReader | None = None
        self.request_id: str | None = None

    @property
    def usage_so_far(self) -> Usage | None:
        return None if self._reader is None else self._reader.usage_so_far

    def events(self, *, now: datetime) -> Iterator[StreamEvent]:
        """Raises ProviderError. `now` is what a Retry-After date is measured from."""
        # Headers may trickle in, and informational responses (1xx) may come without end: both reset the read timeout.
        # Twice the timeouts, because sending takes its time too.
        target = self._target
        longest = 2 * (target.connect_timeout + target.read_timeout)
        self._handle.read_within(longest if target.patience is None else min(longest, target.patience))
        with http.map_httpx_errors(self._target.display_name, response_began=False):
            response = self._send()
        try:
            self.request_id = _request_id(response.headers, secret=self._target.api_key)
            if not response.is_success:
                raise self._refusal(response, now)
            yield from self._read(response)
        finally:
            self._handle.release()
            response.close()

    def _send(self) -> Response:
        target, wire_request = self._target, self._wire_request
        envelope = _envelope(
            protocol=self._protocol,
            base_url=target.base_url,
            path=wire_request.path,
            accept=wire_request.accept,
            api_key=target.api_key,
            display_name=target.display_name,
        )
        limits = http.timeouts(connect=target.connect_timeout, read=target.read_timeout)
        return http.post(self._transport, envelope, wire_request.body, limits=limits, handle=self._handle)

    def _refusal(self, response: Response, now: datetime) -> ProviderError:
        self._handle.read_within(ERROR_BODY_SECONDS)
        return self._protocol.error(
            status=response.status_code,
            body=_read_error_body(response, self._target.display_name),
            target=self._target,
            retry_after=retry_after.from_headers(response.headers, now=now),
            request_id=self.request_id,
        )

    def _read(self, response: Response) -> Iterator[StreamEvent]:
        target = self._target
        reader = self._reader = self._wire_request.new_reader(
            vendor=target.vendor, display_name=target.display_name, secret=target.api_key, request_id=self.request_id
        )
        if target.patience is None:
            self._handle.read_within(None)
        try:
            with http.map_httpx_errors(target.display_name, response_began=True):
                yield from answer_body.events(
                    response,
                    reader,
                    handle=self._handle,
                    display_name=target.display_name,
                    max_bytes=target.max_answer_bytes,
                )
        except (UpstreamCut, UpstreamTimeout, UpstreamGarbled, AnswerTooLong):
            if not reader.is_complete:
                raise
        yield from reader.finish()


@lru_cache(maxsize=64)
def _envelope(
    *, protocol: HttpProtocol, base_url: str, path: str, accept: str, api_key: str, display_name: str
) -> Envelope:
    """Address and headers, made once for all calls of a kind to a vendor: httpx takes 0.1 ms for them.

    Raises UpstreamAuthFailed for a key that cannot travel in a header (httpx would show it in its error).
    """
    if not (api_key.isascii() and api_key.isprintable()):
        raise UpstreamAuthFailed(f"The key for {display_name} holds characters that no key has.")
    headers = {
        "Accept": accept,
        "Accept-Encoding": "identity",
        "Connection": "keep-alive",
        "Content-Type": "application/json",
        "User-Agent": "Parley",
        **protocol.headers(api_key),
    }
    return http.envelope(base_url.rstrip("/") + path, headers)


def _request_id(headers: Headers, *, secret: str) -> str | None:
    """It is stored and logged, so not one in which a gateway sends our key back."""
    found = next((headers[name] for name in REQUEST_ID_HEADERS if name in headers), None)
    if found is None or (secret and secret in found):
        return None
    return untrusted.text(found, most=MAX_REQUEST_ID_CHARACTERS)


def _read_error_body(response: Response, display_name: str) -> bytes:
    """As much as came: an error whose body breaks off is still that error."""
    data = b""
    with suppress(http.TransportError, UpstreamGarbled):
        data, chunks = body.decoded(response, display_name=display_name)
        for chunk in chunks:
            data += chunk
            if len(data) >= MAX_ERROR_BODY_BYTES:
                break
    return data[:MAX_ERROR_BODY_BYTES]
