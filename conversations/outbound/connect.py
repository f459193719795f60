"""Connections of guarded requests: to an address that was judged, with an end that nothing can put off, and no more
bytes read than the answer that is wanted may have.

Plugs into httpcore as its network backend. Host header, SNI and certificate stay with the name.
"""

import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpcore

from conversations.outbound.addresses import Address, Network
from conversations.outbound.errors import OutboundTimeout, OutboundTooLarge
from conversations.outbound.lookups import LOOKUP_SECONDS, Lookup
from conversations.outbound.resolve import allowed_addresses

CONNECT_TRIES = 3
# A receiver that takes a byte at a time gets no further than this before the clock is read again.
PIECE_BYTES = 4096
# The head of an answer, also of all the informational ones before it. httpcore alone bounds each, not how many come.
HEAD_BYTES = 131_072
# A byte that is a chunk of its own takes six.
CHUNKED_TIMES = 6


@dataclass(frozen=True, slots=True)
class Bounds:
    """`ends_at` is in monotonic seconds; `max_bytes` is what may be read of a connection."""

    ends_at: float
    max_bytes: int


# Of a request that nobody bounded.
LONGEST_SECONDS = 60.0
MOST_BYTES = 10_000_000

# httpcore passes a time for every single step, none for the whole; but it works in the thread of the caller.
_bounds: ContextVar[Bounds | None] = ContextVar("outbound_bounds", default=None)


@contextmanager
def within(*, seconds: float, body_bytes: int) -> Iterator[None]:
    """Connections made inside the block are over after `seconds`, counted from now, wherever they have got to.

    And once so much was read as a head and a body of `body_bytes` may take, should it come in small chunks.
    """
    token = _bounds.set(Bounds(time.monotonic() + seconds, HEAD_BYTES + CHUNKED_TIMES * body_bytes))
    try:
        yield
    finally:
        _bounds.reset(token)


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
        bounds = _bounds.get() or Bounds(time.monotonic() + LONGEST_SECONDS, MOST_BYTES)
        seconds = min(LOOKUP_SECONDS, _left(bounds.ends_at))
        addresses = allowed_addresses(host, allow=self._allow, lookup=self._lookup, seconds=seconds)
        return BoundedStream(self._connect(addresses[:CONNECT_TRIES], port, bounds.ends_at), bounds)

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


class BoundedStream(httpcore.NetworkStream):
    """One connection: a server that sends a byte a second does not prolong it, and one that floods does not fill it."""

    def __init__(self, stream: httpcore.NetworkStream, bounds: Bounds) -> None:
        self._stream = stream
        self._bounds = bounds
        self._bytes_read = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Raises OutboundTooLarge when too much was read already."""
        if self._bytes_read >= self._bounds.max_bytes:
            raise OutboundTooLarge("the server sent too much")
        data = self._stream.read(max_bytes, self._step(timeout))
        self._bytes_read += len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), PIECE_BYTES):
            self._stream.write(buffer[start : start + PIECE_BYTES], self._step(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._step(timeout))
        return BoundedStream(secured, self._bounds)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _step(self, timeout: float | None) -> float:
        left = _left(self._bounds.ends_at)
        return left if timeout is None else min(timeout, left)
