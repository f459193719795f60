"""One request to a search engine, whose address the operator has set: through the door that vendors are asked by."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from conversations.search.engine import Engine, EngineRequest, Query, Result, SearchFailed
from providers import untrusted
from providers.errors import CallAborted, ProviderError, UpstreamTimeout
from providers.transport import body, http, retry_after
from providers.transport.abortable import AbortHandle
from providers.transport.http import Response, Transport

# Ten times the answers that were seen.
ANSWER_MAX_BYTES = 1_000_000
CONNECT_SECONDS = 3.0
OK = 200
# SearXNG's limiter refuses clients that do not take gzip.
HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "Parley"}


def search(
    engine: Engine, query: Query, *, transport: Transport, handle: AbortHandle, seconds: float
) -> Sequence[Result]:
    """The results in the engine's order. `handle` can abort it.

    `seconds` bound the answer, whatever its pace. Raises SearchFailed, and CallAborted.
    """
    try:
        return _search(engine, query, transport, handle, seconds)
    except ProviderError as exc:
        if handle.aborted.is_set():
            raise CallAborted("The search was aborted.") from exc
        raise SearchFailed(exc.reason or exc.message, is_late=isinstance(exc, UpstreamTimeout)) from exc


def _search(
    engine: Engine, query: Query, transport: Transport, handle: AbortHandle, seconds: float
) -> Sequence[Result]:
    handle.read_within(seconds)
    with http.map_httpx_errors(engine.name, response_began=False):
        response = _send(engine.request(query), transport, handle, seconds)
    try:
        with closing(response):
            if response.status_code != OK:
                raise _refusal(engine, response)
            with http.map_httpx_errors(engine.name, response_began=True):
                answer = _json(engine, _whole(response, engine.name))
            return engine.results(answer, count=query.count)
    finally:
        handle.release()


def _send(request: EngineRequest, transport: Transport, handle: AbortHandle, seconds: float) -> Response:
    envelope = http.envelope(request.url, {**HEADERS, **request.headers})
    limits = http.timeouts(connect=min(seconds, CONNECT_SECONDS), read=seconds)
    if request.body is None:
        return http.get(transport, envelope, limits=limits, handle=handle)
    return http.post(transport, envelope, request.body, limits=limits, handle=handle)


def _refusal(engine: Engine, response: Response) -> SearchFailed:
    status = response.status_code
    return SearchFailed(
        engine.advice(status) or f"it answers with HTTP {status}",
        status=status,
        retry_after=retry_after.from_headers(response.headers, now=datetime.now(UTC)),
    )


def _whole(response: Response, name: str) -> bytes:
    head, chunks = body.decoded(response, display_name=name)
    return _bounded(head, chunks)


def _bounded(head: bytes, chunks: Iterable[bytes]) -> bytes:
    pieces, size = [head], len(head)
    for chunk in chunks:
        size += len(chunk)
        if size > ANSWER_MAX_BYTES:
            break
        pieces.append(chunk)
    if size > ANSWER_MAX_BYTES:
        raise SearchFailed(f"its answer has more than {ANSWER_MAX_BYTES} bytes", status=OK)
    return b"".join(pieces)


def _json(engine: Engine, data: bytes) -> Any:
    try:
        return untrusted.loads(data)
    except ValueError as exc:
        is_page = data.startswith(b"<")
        reason = f"it answers with a web page: {engine.advice(403)}" if is_page else "it answers with no JSON"
        raise SearchFailed(reason, status=OK) from exc
