"""Connections that another thread can abort: while connecting, in the TLS handshake, waiting or streaming.

Plugs into httpcore as its network backend; httpx and httpcore do all the HTTP.
"""

import select
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import httpcore

from providers.errors import CallAborted

# How long we wait for the last bytes of a finished answer, so that its connection can be used again.
DRAIN_SECONDS = 0.05

Address = tuple[Any, ...]


class AbortHandle:
    """Aborts the connection of one call. All methods are thread-safe.

    `read_until` is the deadline for reading, even if bytes still come: a time of time.monotonic(), or None. `has_sent`:
    a request was sent, or a part of it. Whoever makes another one sets it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._dup_socket: socket.socket | None = None
        self.aborted = threading.Event()
        self.read_until: float | None = None
        self.has_sent = False

    def read_within(self, seconds: float | None) -> None:
        """Set the deadline for reading; None removes it. Only the reading thread may call this."""
        self.read_until = None if seconds is None else time.monotonic() + seconds

    def abort(self) -> None:
        """End the call at once and for good. Does nothing to a connection that was released before."""
        with self._lock:
            self.aborted.set()
            if self._dup_socket is not None:
                with suppress(OSError):  # the other side closed it first
                    self._dup_socket.shutdown(socket.SHUT_RDWR)

    def attach(self, dup_socket: socket.socket) -> None:
        """Raises CallAborted when `abort` was called before there was a connection."""
        with self._lock:
            if self.aborted.is_set():
                raise CallAborted("The call was aborted.")
            self._dup_socket = dup_socket

    def release(self) -> None:
        """Forget the connection: from now on it is closed or serves another call."""
        with self._lock:
            self._dup_socket = None


# httpcore does not say which connection it picks, but it works in the caller's thread.
_current: ContextVar[AbortHandle | None] = ContextVar("current_abort_handle", default=None)


@contextmanager
def bound_to(handle: AbortHandle) -> Iterator[None]:
    """Connections that are made or written to inside the block belong to `handle`."""
    token = _current.set(handle)
    try:
        yield
    finally:
        _current.reset(token)


def _attach_current(dup_socket: socket.socket) -> AbortHandle | None:
    handle = _current.get()
    if handle is not None:
        handle.attach(dup_socket)
    return handle


class AbortableStream(httpcore.NetworkStream):
    """One connection. `dup_socket` is a second file descriptor for it: shutting it down ends a blocked read.

    The first descriptor cannot be used for that: TLS takes over its socket object during the handshake, and once it
    is closed, its number may belong to another connection.
    """

    def __init__(self, sock: socket.socket, dup_socket: socket.socket, handle: AbortHandle | None) -> None:
        self._sock = sock
        self._dup_socket = dup_socket
        self._handle = handle
        self._unsent = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._unsent:
            self._send_unsent(timeout)
        if self._handle is not None and self._handle.read_until is not None:
            timeout = _shorter(timeout, until=self._handle.read_until)
        self._set_timeout(timeout)
        try:
            return self._sock.recv(max_bytes)
        except TimeoutError as exc:
            raise httpcore.ReadTimeout(str(exc)) from exc
        except OSError as exc:
            raise httpcore.ReadError(str(exc)) from exc

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Buffered until the first read, so that headers and body, which are written apart, leave in one packet."""
        if not self._unsent:
            self._handle = _attach_current(self._dup_socket)
        self._unsent += buffer

    def _send_unsent(self, timeout: float | None) -> None:
        buffer, self._unsent = self._unsent, b""
        if self._handle is not None:
            self._handle.has_sent = True
        self._set_timeout(timeout)
        try:
            self._sock.sendall(buffer)
        except TimeoutError as exc:
            raise httpcore.WriteTimeout(str(exc)) from exc
        except OSError:
            # A server may answer early (413, say) and close before it has read everything: its response decides.
            return

    def _set_timeout(self, timeout: float | None) -> None:
        # Setting it costs a system call, there are thousands of reads, and it hardly ever changes.
        if self._sock.gettimeout() != timeout:
            self._sock.settimeout(timeout)

    def close(self) -> None:
        # The handle is released first, so that no thread shuts down a descriptor that is already closed.
        if self._handle is not None:
            self._handle.release()
        self._sock.close()
        self._dup_socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self._sock.settimeout(timeout)
        try:
            secured = ssl_context.wrap_socket(self._sock, server_hostname=server_hostname)
        except (OSError, ValueError) as exc:  # ValueError: an invalid host name
            self.close()
            failure = httpcore.ConnectTimeout if isinstance(exc, TimeoutError) else httpcore.ConnectError
            raise failure(str(exc)) from exc
        return AbortableStream(secured, self._dup_socket, self._handle)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return _is_readable(self._sock)
        if info == "ssl_object":
            return self._sock if isinstance(self._sock, ssl.SSLSocket) else None
        return self._sock if info == "socket" else None


def _shorter(timeout: float | None, *, until: float) -> float:
    """Raises httpcore.ReadTimeout once `until` has passed: bytes that trickle in must not extend it."""
    left = until - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time for reading is over")
    return left if timeout is None else min(timeout, left)


def _is_readable(sock: socket.socket) -> bool:
    """Whether an idle connection is closed: an unexpected byte or the end of the stream makes it readable."""
    if sock.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


class AbortableBackend(httpcore.NetworkBackend):
    """Makes connections that their call's handle can abort. The lookup of a name cannot be interrupted."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return _connect_first([(family, address) for family, _, _, _, address in found], deadline)
        except TimeoutError as exc:
            raise httpcore.ConnectTimeout(str(exc)) from exc
        except (OSError, UnicodeError) as exc:  # UnicodeError: an invalid host name
            raise httpcore.ConnectError(str(exc)) from exc


def _connect_first(candidates: list[tuple[int, Address]], deadline: float | None) -> AbortableStream:
    failure: OSError = ConnectionError("the name has no address")
    for family, address in candidates:
        try:
            return _connect(family, address, deadline)
        except OSError as exc:
            failure = exc
    raise failure


def _connect(family: int, address: Address, deadline: float | None) -> AbortableStream:
    """Raises OSError; CallAborted after `abort`."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    dup_socket = sock.dup()
    handle: AbortHandle | None = None
    try:
        handle = _attach_current(dup_socket)
        sock.settimeout(None if deadline is None else max(0.001, deadline - time.monotonic()))
        sock.connect(address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (OSError, CallAborted):
        AbortableStream(sock, dup_socket, handle).close()
        raise
    return AbortableStream(sock, dup_socket, handle)
