"""Connections of guarded requests: only to judged addresses, with a deadline and a limit on the bytes that are read.

Plugs into httpcore as its network backend. Host header, SNI and certificate check still use the name.
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
# The deadline is checked before each piece, so a server that reads a byte at a time cannot delay longer than for one.
PIECE_BYTES = 4096
# Of the response's head and of all informational responses (1xx) before it: httpcore limits the size of each, but not
# their number, and reading them takes all of the interpreter.
HEAD_BYTES = 131_072
# A byte of body that is sent as a chunk of its own takes six bytes.
CHUNKED_FACTOR = 6


@dataclass(slots=True)
class Bounds:
    """`ends_at` in monotonic seconds; `max_bytes` may be read from a connection, until `has_head` only HEAD_BYTES."""

    ends_at: float
    max_bytes: int
    has_head: bool = False


# For a request outside any `within`.
DEFAULT_SECONDS = 60.0
DEFAULT_MAX_BYTES = 10_000_000

# httpcore passes timeouts for single steps, none for the whole request, but it works in the caller's thread.
_bounds: ContextVar[Bounds | None] = ContextVar("outbound_bounds", default=None)


@contextmanager
def within(*, seconds: float, body_bytes: int) -> Iterator[Bounds]:
    """Connections made inside the block fail after `seconds`, counted from now, whatever they are doing.

    They also fail once more was read than a head and a body of `body_bytes` may take, even in chunks of one byte. Who
    has the head of the response says so in what this yields (`has_head`).
    """
    bounds = Bounds(time.monotonic() + seconds, HEAD_BYTES + CHUNKED_FACTOR * body_bytes)
    token = _bounds.set(bounds)
    try:
        yield bounds
    finally:
        _bounds.reset(token)


def _left(ends_at: float) -> float:
    """Seconds until `ends_at`. Raises OutboundTimeout when it has passed."""
    left = ends_at - time.monotonic()
    if left <= 0:
        raise OutboundTimeout("the server took too long")
    return left


class GuardedBackend(httpcore.NetworkBackend):
    """Judges a host's addresses each time it connects. Does not connect to Unix sockets."""

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
        """Raises OutboundRefused, OutboundFailed or OutboundTimeout, or httpcore's errors, before anything is sent."""
        bounds = _bounds.get() or Bounds(time.monotonic() + DEFAULT_SECONDS, DEFAULT_MAX_BYTES, has_head=True)
        seconds = min(LOOKUP_SECONDS, _left(bounds.ends_at))
        addresses = allowed_addresses(host, allow=self._allow, lookup=self._lookup, seconds=seconds)
        return BoundedStream(self._connect(addresses[:CONNECT_TRIES], port, bounds.ends_at), bounds)

    def _connect(self, addresses: Sequence[Address], port: int, ends_at: float) -> httpcore.NetworkStream:
        """Connect to the first address that answers. The time is shared equally by the tries and the response."""
        failure: Exception | None = None
        for index, address in enumerate(addresses):
            share = _left(ends_at) / (len(addresses) - index + 1)
            try:
                return self._sockets.connect_tcp(str(address), port, timeout=share)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
        raise failure or httpcore.ConnectError("no address")


class BoundedStream(httpcore.NetworkStream):
    """One connection with a deadline, whatever the server's pace, and a limit on the bytes that it may send."""

    def __init__(self, stream: httpcore.NetworkStream, bounds: Bounds) -> None:
        self._stream = stream
        self._bounds = bounds
        self._bytes_read = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Raises OutboundTooLarge when too much was read already."""
        if self._bytes_read >= (self._bounds.max_bytes if self._bounds.has_head else HEAD_BYTES):
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
