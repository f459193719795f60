"""Asks the service whether it is ready, without blocking."""

import contextlib
import selectors
import socket

CONNECT_SECONDS = 1.0
ASK_INTERVAL_SECONDS = 0.2
# A connection that a dying web process had accepted is never answered.
ANSWER_SECONDS = 3.0


class Readiness:
    """Sends one GET /readyz at a time; the supervisor's selector calls `_read` when bytes arrive."""

    def __init__(self, *, address: tuple[str, int], selector: selectors.BaseSelector) -> None:
        self.is_ready = False
        self.last_answer = "no answer yet"
        self._address = address
        self._selector = selector
        self._connection: socket.socket | None = None
        self._received = b""
        self._asked_at = float("-inf")

    def ask(self, *, now: float) -> None:
        """Send a request, unless one was sent just now or its answer is still awaited."""
        if now - self._asked_at < (ANSWER_SECONDS if self._connection else ASK_INTERVAL_SECONDS):
            return
        self._close()
        self._asked_at = now
        with contextlib.suppress(OSError):
            self._connection = socket.create_connection(self._address, timeout=CONNECT_SECONDS)
            self._connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            self._connection.setblocking(False)
            self._selector.register(self._connection, selectors.EVENT_READ, self._read)

    def _read(self) -> None:
        if not self._connection:
            return
        try:
            data = self._connection.recv(65536)
        except OSError:
            data = b""
        self._received += data
        if data:
            return
        head, _, body = self._received.partition(b"\r\n\r\n")
        self.is_ready = head.startswith(b"HTTP/1.1 200")
        self.last_answer = (body or head).decode(errors="replace").strip() or "the connection was cut"
        self._close()

    def _close(self) -> None:
        if self._connection:
            with contextlib.suppress(KeyError):
                self._selector.unregister(self._connection)
            self._connection.close()
        self._connection, self._received = None, b""
