"""One HTTP request to a vendor and its answer, read as events. Retries are the client's business."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import lru_cache

import httpx

from providers import untrusted
from providers.calls import answer_body, retry
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
from providers.protocols.openai_chat.errors import reading
from providers.protocols.registry import WireRequest
from providers.transport.abortable import AbortHandle, bound_to
from providers.transport.http import map_httpx_errors, timeouts

MAX_ERROR_BODY_BYTES = 64 * 1024
# An error is told at once; one that trickles in is read as far as it came.
ERROR_BODY_SECONDS = 5.0
REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-oneapi-request-id", "cf-ray")
MAX_REQUEST_ID_CHARACTERS = 200


class HttpExchange:
    def __init__(self, *, asked: WireRequest, target: Target, http: httpx.BaseTransport, handle: AbortHandle) -> None:
        self._asked = asked
        self._target = target
        self._http = http
        self._handle = handle
        self.request_id: str | None = None

    def events(self, *, now: datetime) -> Iterator[StreamEvent]:
        """Raises ProviderError. `now` is what a Retry-After date is measured from."""
        # Headers may trickle in too, and answers that are not the last (1xx) come without end. Sending takes its time.
        self._handle.read_within(2 * (self._target.connect_timeout + self._target.read_timeout))
        with map_httpx_errors(self._target.label, response_began=False):
            response = self._send()
        try:
            self.request_id = _request_id(response.headers)
            if not response.is_success:
                raise self._refusal(response, now)
            yield from self._read(response)
        finally:
            # The handle lets go before the connection is given back, or a late abort would hit its next user.
            self._handle.release()
            response.close()

    def _send(self) -> httpx.Response:
        target, asked = self._target, self._asked
        url, headers = _envelope(target.base_url, asked.path, asked.accept, target.api_key, target.label)
        limits = timeouts(connect=target.connect_timeout, read=target.read_timeout)
        request = httpx.Request(
            "POST", url, headers=headers, content=asked.body, extensions={"timeout": limits.as_dict()}
        )
        with bound_to(self._handle):
            return self._http.handle_request(request)

    def _refusal(self, response: httpx.Response, now: datetime) -> ProviderError:
        self._handle.read_within(ERROR_BODY_SECONDS)
        return reading.from_response(
            status=response.status_code,
            body=_read_error_body(response, self._target.label),
            label=self._target.label,
            secret=self._target.api_key,
            retry_after=retry.retry_after_seconds(response.headers, now=now),
            request_id=self.request_id,
        )

    def _read(self, response: httpx.Response) -> Iterator[StreamEvent]:
        target = self._target
        reader = self._asked.new_reader(
            vendor=target.vendor, label=target.label, secret=target.api_key, request_id=self.request_id
        )
        self._handle.read_within(None)
        most = target.max_answer_bytes
        try:
            with map_httpx_errors(target.label, response_began=True):
                yield from answer_body.events(response, reader, handle=self._handle, label=target.label, most=most)
        except (UpstreamCut, UpstreamTimeout, UpstreamGarbled, AnswerTooLong):
            if not reader.is_complete:
                raise
        yield from reader.finish()


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
    found = next((headers[name] for name in REQUEST_ID_HEADERS if name in headers), None)
    return None if found is None else untrusted.text(found, most=MAX_REQUEST_ID_CHARACTERS)


def _read_error_body(response: httpx.Response, label: str) -> bytes:
    """As much as came: an error whose body breaks off is still that error."""
    body = b""
    with suppress(httpx.TransportError, UpstreamGarbled):
        body, chunks = answer_body.plain_chunks(response, label=label)
        for chunk in chunks:
            body += chunk
            if len(body) >= MAX_ERROR_BODY_BYTES:
                break
    return body[:MAX_ERROR_BODY_BYTES]
