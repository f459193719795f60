"""Connections that another thread can hang up: while connecting, shaking hands, waiting or streaming.

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

# How long a finished answer may take to send its last bytes, so that its connection can be used again.
DRAIN_SECONDS = 0.05

Address = tuple[Any, ...]


class AbortHandle:
    """The connection one call speaks on. All methods are thread-safe.

    `read_until` is when reading ends, whatever still comes by then: a moment of time.monotonic(), or None.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._dup_socket: socket.socket | None = None
        self.aborted = threading.Event()
        self.read_until: float | None = None

    def read_within(self, seconds: float | None) -> None:
        """Reading ends in so many seconds; None: never. Belongs to the reading thread."""
        self.read_until = None if seconds is None else time.monotonic() + seconds

    def abort(self) -> None:
        """End the call at once and for good. Does nothing to a connection the call has already let go."""
        with self._lock:
            self.aborted.set()
            if self._dup_socket is not None:
                with suppress(OSError):  # the other side was faster
                    self._dup_socket.shutdown(socket.SHUT_RDWR)

    def attach(self, dup_socket: socket.socket) -> None:
        """Raises CallAborted when `abort` came before there was a connection."""
        with self._lock:
            if self.aborted.is_set():
                raise CallAborted("The call was aborted.")
            self._dup_socket = dup_socket

    def release(self) -> None:
        """Let go: from now on the connection is closed or serves somebody else."""
        with self._lock:
            self._dup_socket = None


# httpcore tells nobody which connection it picked, but it does its work in the thread of the caller.
_current: ContextVar[AbortHandle | None] = ContextVar("current_line", default=None)


@contextmanager
def bound_to(handle: AbortHandle) -> Iterator[None]:
    """Whatever is connected or sent inside the block belongs to `handle`."""
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
    """One connection. `dup_socket` is a second handle on it: shutting that down ends a read blocked on the first.

    The first handle would not do: TLS takes it over in mid-handshake, and once closed its number may be another's.
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
        """Kept until the first read: headers, body and end come apart, but leave in one packet."""
        if not self._unsent:
            self._handle = _attach_current(self._dup_socket)
        self._unsent += buffer

    def _send_unsent(self, timeout: float | None) -> None:
        buffer, self._unsent = self._unsent, b""
        self._set_timeout(timeout)
        try:
            self._sock.sendall(buffer)
        except TimeoutError as exc:
            raise httpcore.WriteTimeout(str(exc)) from exc
        except OSError:
            # A server may answer (413, say) and close before it has read everything: the answer decides.
            return

    def _set_timeout(self, timeout: float | None) -> None:
        # Setting it costs a system call, reads come by the thousand, and it hardly ever changes.
        if self._sock.gettimeout() != timeout:
            self._sock.settimeout(timeout)

    def close(self) -> None:
        # First the handle lets go, so that nobody shuts down a number that is being closed.
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
        except (OSError, ValueError) as exc:  # ValueError: no such thing as that host name
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
    """Raises httpcore.ReadTimeout once the moment is over: bytes that trickle in must not put it off."""
    left = until - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time for reading is over")
    return left if timeout is None else min(timeout, left)


def _is_readable(sock: socket.socket) -> bool:
    """An idle connection that has something to say was closed by the other side; so was one we closed."""
    if sock.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


class AbortableBackend(httpcore.NetworkBackend):
    """Makes the connections, each in sight of the handle it is made for. Looking up a name cannot be interrupted."""

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
        except (OSError, UnicodeError) as exc:  # UnicodeError: no such thing as that host name
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
