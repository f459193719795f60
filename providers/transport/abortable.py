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


class Line:
    """The connection one call speaks on. All methods are thread-safe.

    `read_until` is when reading ends, whatever still comes by then: a moment of time.monotonic(), or None.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._twin: socket.socket | None = None
        self.hung_up = threading.Event()
        self.read_until: float | None = None

    def read_within(self, seconds: float | None) -> None:
        """Reading ends in so many seconds; None: never. Belongs to the reading thread."""
        self.read_until = None if seconds is None else time.monotonic() + seconds

    def hang_up(self) -> None:
        """End the call at once and for good. Does nothing to a connection the call has already let go."""
        with self._lock:
            self.hung_up.set()
            if self._twin is not None:
                with suppress(OSError):  # the other side was faster
                    self._twin.shutdown(socket.SHUT_RDWR)

    def attach(self, twin: socket.socket) -> None:
        """Raises CallAborted when the line was hung up before there was a connection."""
        with self._lock:
            if self.hung_up.is_set():
                raise CallAborted("The call was aborted.")
            self._twin = twin

    def release(self) -> None:
        """Let go: from now on the connection is closed or serves somebody else."""
        with self._lock:
            self._twin = None


# httpcore tells nobody which connection it picked, but it does its work in the thread of the caller.
_current: ContextVar[Line | None] = ContextVar("current_line", default=None)


@contextmanager
def speaking_on(line: Line) -> Iterator[None]:
    """Whatever is connected or sent inside the block belongs to `line`."""
    token = _current.set(line)
    try:
        yield
    finally:
        _current.reset(token)


def _attach_current(twin: socket.socket) -> Line | None:
    line = _current.get()
    if line is not None:
        line.attach(twin)
    return line


class Wire(httpcore.NetworkStream):
    """One connection. `twin` is a second handle on it: shutting that down ends a read blocked on the first.

    The first handle would not do: TLS takes it over in mid-handshake, and once closed its number may be another's.
    """

    def __init__(self, sock: socket.socket, twin: socket.socket, line: Line | None) -> None:
        self._sock = sock
        self._twin = twin
        self._line = line
        self._unsent = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._unsent:
            self._send_unsent(timeout)
        if self._line is not None and self._line.read_until is not None:
            timeout = _shorter(timeout, until=self._line.read_until)
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
            self._line = _attach_current(self._twin)
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
        # First the line lets go, so that nobody shuts down a number that is being closed.
        if self._line is not None:
            self._line.release()
        self._sock.close()
        self._twin.close()

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
        return Wire(secured, self._twin, self._line)

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


class Exchange(httpcore.NetworkBackend):
    """Makes the connections, each in sight of the line it is made for. Looking up a name cannot be interrupted."""

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


def _connect_first(candidates: list[tuple[int, Address]], deadline: float | None) -> Wire:
    failure: OSError = ConnectionError("the name has no address")
    for family, address in candidates:
        try:
            return _connect(family, address, deadline)
        except OSError as exc:
            failure = exc
    raise failure


def _connect(family: int, address: Address, deadline: float | None) -> Wire:
    """Raises OSError; CallAborted when the line was hung up."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    twin = sock.dup()
    line: Line | None = None
    try:
        line = _attach_current(twin)
        sock.settimeout(None if deadline is None else max(0.001, deadline - time.monotonic()))
        sock.connect(address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (OSError, CallAborted):
        Wire(sock, twin, line).close()
        raise
    return Wire(sock, twin, line)
