"""As `http.py`, for what works in an event loop with httpx2: the same guard at every connect, and bounds on the whole.

httpx2 comes with the extra `mcp`, so only what needs it imports this module. One client is for one conversation with
one server: its bounds hold for all its requests together.
"""

import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread
import httpcore2
import httpx2

from conversations.outbound.addresses import Network
from conversations.outbound.connect import CONNECT_TRIES
from conversations.outbound.errors import OutboundError, OutboundFailed, OutboundGarbled, OutboundTooLarge
from conversations.outbound.http import HEADERS
from conversations.outbound.lookups import LOOKUP_SECONDS, Lookup
from conversations.outbound.resolve import allowed_addresses
from providers.transport import tls

# An address that does not answer leaves time for the next.
CONNECT_SECONDS = 5.0


@dataclass(slots=True)
class Budget:
    """What a client may still do. `failure` is the first that the guard or a bound refused, and why."""

    bytes_left: int
    requests_left: int
    failure: OutboundError | None = field(default=None)

    def refuse(self, error: OutboundError) -> OutboundError:
        self.failure = self.failure or error
        return error


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Judges a host's addresses each time it connects. Does not connect to Unix sockets."""

    def __init__(self, *, allow: Sequence[Network], lookup: Lookup, budget: Budget) -> None:
        self._allow = allow
        self._lookup = lookup
        self._budget = budget
        self._sockets = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Raises OutboundError, before anything is sent."""
        try:
            # A lookup waits in its thread for 5 s at most; one that nobody waits for any more ends there.
            addresses = await anyio.to_thread.run_sync(self._addresses, host, abandon_on_cancel=True)
        except OutboundError as exc:
            raise self._budget.refuse(exc) from None
        for address in addresses[:CONNECT_TRIES]:
            try:
                stream = await self._sockets.connect_tcp(str(address), port, timeout=CONNECT_SECONDS)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
            return BoundedStream(stream, self._budget)
        raise self._budget.refuse(OutboundFailed("the server cannot be reached"))

    def _addresses(self, host: str) -> list[Any]:
        return allowed_addresses(host, allow=self._allow, lookup=self._lookup, seconds=LOOKUP_SECONDS)


class BoundedStream(httpcore2.AsyncNetworkStream):
    """One connection; what it may read is shared with all others of its client."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream, budget: Budget) -> None:
        self._stream = stream
        self._budget = budget

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Raises OutboundTooLarge when too much was read already."""
        if self._budget.bytes_left <= 0:
            raise self._budget.refuse(OutboundTooLarge("the server sent too much"))
        data: bytes = await self._stream.read(max_bytes, timeout)
        self._budget.bytes_left -= len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        secured = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        return BoundedStream(secured, self._budget)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class GuardedTransport(httpx2.AsyncHTTPTransport):
    """httpx2's own transport with a pool made here, because only the pool takes a network backend.

    A GET is answered here, with 405: it would open a stream for what a server says unasked, which nobody reads, and
    open it again whenever the server ends it.
    """

    def __init__(self, *, backend: GuardedBackend, budget: Budget) -> None:
        self._budget = budget
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls.context(), max_keepalive_connections=0, network_backend=backend
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises OutboundError, and httpx2's errors."""
        if request.method == "GET":
            return httpx2.Response(405)
        if self._budget.requests_left <= 0:
            raise self._budget.refuse(OutboundTooLarge("the server asked for too many requests"))
        self._budget.requests_left -= 1
        response = await super().handle_async_request(request)
        if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
            await response.aclose()
            # Unpacking has no limit, and nobody asked for it.
            raise self._budget.refuse(OutboundGarbled("the server sent a compressed response"))
        return response


def open_client(
    *, allow: Sequence[Network], lookup: Lookup, headers: Mapping[str, str], budget: Budget
) -> httpx2.AsyncClient:
    """A client for one server, with no proxies from the environment. It has no timeout: its user sets a deadline."""
    backend = GuardedBackend(allow=allow, lookup=lookup, budget=budget)
    return httpx2.AsyncClient(
        transport=GuardedTransport(backend=backend, budget=budget),
        headers={**HEADERS, **headers},
        timeout=None,
        trust_env=False,
        follow_redirects=False,
    )
