"""Customers' servers on loopback, scripted to the byte.

with Receiver(answering(b"ok")) as receiver:
    … send to receiver.port …
    assert receiver.connections == 1
    assert receiver.requests[0].startswith(b"POST /hook HTTP/1.1\\r\\n")
"""

import re
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

# Talks on a connection; the event is set when the test is over.
Script = Callable[[socket.socket, threading.Event], None]

WAIT_SECONDS = 30.0


def answering(body: bytes = b"", status: str = "200 OK", *headers: str) -> Script:
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, ""))

    def answer(connection: socket.socket, _over: threading.Event) -> None:
        connection.sendall(head.encode() + body)

    return answer


def dripping(start: bytes, drop: bytes, *, pause: float) -> Script:
    """Sends `start`, then `drop` every `pause` seconds without end."""

    def drip(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(start)
        while not over.wait(pause):
            connection.sendall(drop)

    return drip


def pouring(start: bytes, chunk: bytes) -> Script:
    return dripping(start, chunk, pause=0)


def silent(_connection: socket.socket, over: threading.Event) -> None:
    over.wait(WAIT_SECONDS)


class Receiver:
    """A server on a free port of `host`; it reads a request first, or `speaks_first`.

    `server_names` are what TLS clients asked for (SNI).
    """

    def __init__(
        self,
        script: Script,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        speaks_first: bool = False,
    ) -> None:
        self._script = script
        self._speaks_first = speaks_first
        self._tls = tls
        self._over = threading.Event()
        self._listener = socket.create_server((host, port))
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.requests: list[bytes] = []
        self.server_names: list[str | None] = []

    def __enter__(self) -> Self:
        if self._tls is not None:
            self._tls.sni_callback = lambda _socket, name, _context: self.server_names.append(name)
        self._start(self._accept)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(WAIT_SECONDS)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(WAIT_SECONDS)
        with suppress(OSError), connection:
            if self._tls is None:
                self._talk(connection)
            else:
                with self._tls.wrap_socket(connection, server_side=True) as secured:
                    self._talk(secured)

    def _talk(self, connection: socket.socket) -> None:
        if self._speaks_first or self._read_request(connection):
            self._script(connection, self._over)

    def _read_request(self, connection: socket.socket) -> bool:
        request = b""
        while not _is_complete(request):
            received = connection.recv(65536)
            if not received:
                return False
            request += received
        self.requests.append(request)
        return True


def _is_complete(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)^content-length: *([0-9]+)", head, re.MULTILINE)
    return bool(end) and len(body) >= int(length[1] if length else 0)
