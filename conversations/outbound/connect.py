"""Connections of guarded requests: to an address that was judged, and with an end that nothing can put off.

Plugs into httpcore as its network backend. Host header, SNI and certificate stay with the name.
"""

import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore

from conversations.outbound.addresses import Address, Network
from conversations.outbound.errors import OutboundTimeout
from conversations.outbound.lookups import LOOKUP_SECONDS, Lookup
from conversations.outbound.resolve import allowed_addresses

# Of a request that nobody gave an end.
LONGEST_SECONDS = 60.0
CONNECT_TRIES = 3
# A receiver that takes a byte at a time gets no further than this before the clock is read again.
PIECE_BYTES = 4096

# httpcore passes a time for every single step, none for the whole; but it works in the thread of the caller.
_ends_at: ContextVar[float | None] = ContextVar("outbound_ends_at", default=None)


@contextmanager
def ending_within(seconds: float) -> Iterator[None]:
    """Connections made inside the block are over after `seconds`, counted from now, wherever they have got to."""
    token = _ends_at.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def _left(ends_at: float) -> float:
    """Seconds. Raises OutboundTimeout when there are none."""
    left = ends_at - time.monotonic()
    if left <= 0:
        raise OutboundTimeout("the server took too long")
    return left


class GuardedBackend(httpcore.NetworkBackend):
    """Judges a host each time it connects. Makes no Unix socket connections."""

    def __init__(self, *, allow: Sequence[Network], lookup: Lookup) -> None:
        self._allow = allow
        self._lookup = lookup
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Raises OutboundRefused, OutboundFailed or OutboundTimeout before anything is sent, or httpcore's errors."""
        ends_at = _ends_at.get() or time.monotonic() + LONGEST_SECONDS
        seconds = min(LOOKUP_SECONDS, _left(ends_at))
        addresses = allowed_addresses(host, allow=self._allow, lookup=self._lookup, seconds=seconds)
        return EndingStream(self._connect(addresses[:CONNECT_TRIES], port, ends_at), ends_at)

    def _connect(self, addresses: Sequence[Address], port: int, ends_at: float) -> httpcore.NetworkStream:
        """The first that answers. Each try leaves as much time to the later ones and to the answer as it takes."""
        failure: Exception | None = None
        for index, address in enumerate(addresses):
            share = _left(ends_at) / (len(addresses) - index + 1)
            try:
                return self._sockets.connect_tcp(str(address), port, timeout=share)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
        raise failure or httpcore.ConnectError("no address")


class EndingStream(httpcore.NetworkStream):
    """One connection until `ends_at` (monotonic seconds): a server that sends a byte a second does not prolong it."""

    def __init__(self, stream: httpcore.NetworkStream, ends_at: float) -> None:
        self._stream = stream
        self._ends_at = ends_at

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._step(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), PIECE_BYTES):
            self._stream.write(buffer[start : start + PIECE_BYTES], self._step(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._step(timeout))
        return EndingStream(secured, self._ends_at)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _step(self, timeout: float | None) -> float:
        left = _left(self._ends_at)
        return left if timeout is None else min(timeout, left)
