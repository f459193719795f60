"""A customer's webhook receiver on loopback: a real HTTP server that behaves or misbehaves as the test scripts it.

    with Receiver() as receiver:
        receiver.script(answers(503), closes())     # the next two requests, in order
        receiver.default = answers(204)             # every other one
        … have something posted to receiver.url …
        assert receiver.requests[0].headers["webhook-id"] == …

A behaviour is a function of the connection; it is called when the request has been read. All methods are thread-safe.
"""

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

Behaviour = Callable[[socket.socket, threading.Event], None]


@dataclass(frozen=True)
class Posted:
    """One request. Header names are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)


def answers(status: int = 200, body: bytes = b"ok", headers: Mapping[str, str] | None = None) -> Behaviour:
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return lambda peer, _: peer.sendall("\r\n".join([*lines, "", ""]).encode() + body)


def answers_once(released: threading.Event, body: bytes = b"ok") -> Behaviour:
    """Send nothing until the test releases it."""

    def behave(peer: socket.socket, closed: threading.Event) -> None:
        while not released.wait(0.05):
            if closed.is_set():
                return
        answers(200, body, {"Content-Type": "text/plain"})(peer, closed)

    return behave


def closes() -> Behaviour:
    """Close without an answer."""
    return lambda peer, _: None


def stalls() -> Behaviour:
    """Send nothing until the receiver or the client closes."""
    return _wait


def answers_and_stalls(status: int = 200) -> Behaviour:
    """Send the headers and never the body."""

    def behave(peer: socket.socket, closed: threading.Event) -> None:
        peer.sendall(f"HTTP/1.1 {status} Status\r\nContent-Length: 10\r\n\r\n".encode())
        _wait(peer, closed)

    return behave


def drips(seconds: float) -> Behaviour:
    """Send one byte of the headers at a time, which no timeout of silence ends."""

    def behave(peer: socket.socket, closed: threading.Event) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000:
            peer.sendall(bytes([byte]))
            if closed.wait(seconds):
                return

    return behave


def floods(megabytes: int) -> Behaviour:
    def behave(peer: socket.socket, closed: threading.Event) -> None:
        peer.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {megabytes * 1_000_000}\r\n\r\n".encode())
        for _ in range(megabytes):
            peer.sendall(b"a" * 1_000_000)

    return behave


def says(raw: bytes) -> Behaviour:
    return lambda peer, _: peer.sendall(raw)


def _wait(peer: socket.socket, closed: threading.Event) -> None:
    peer.settimeout(0.1)
    while not closed.is_set():
        with suppress(TimeoutError):
            if not peer.recv(1):
                return


class Receiver:
    def __init__(self) -> None:
        self.requests: list[Posted] = []
        self.default: Behaviour = answers()
        self._script: deque[Behaviour] = deque()
        self._closed = threading.Event()
        self._news = threading.Condition()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._socket.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}/hook"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        # close() alone would leave the port open while accept() waits.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def script(self, *behaviours: Behaviour) -> None:
        self._script.extend(behaviours)

    def wait(self, count: int, *, within: float = 30.0) -> list[Posted]:
        """The requests, as soon as there are `count`."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.requests) >= count, within), (
                f"only {len(self.requests)} received"
            )
            return list(self.requests)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with peer, suppress(OSError):
            peer.settimeout(10.0)
            posted = _read(peer)
            if posted is None:
                return
            with self._news:
                self.requests.append(posted)
                behave = self._script.popleft() if self._script else self.default
                self._news.notify_all()
            behave(peer, self._closed)
            peer.shutdown(socket.SHUT_WR)


def _read(peer: socket.socket) -> Posted | None:
    """None when nothing was sent, or it is not HTTP."""
    with peer.makefile("rb") as lines:
        start = lines.readline().decode("latin-1").split(" ")
        if len(start) != len(("POST", "/hook", "HTTP/1.1")):
            return None
        headers = dict(_headers(lines.readline))
        body = lines.read(int(headers.get("content-length", "0")))
    return Posted(path=start[1], headers=headers, body=body)


def _headers(readline: Callable[[], bytes]) -> Iterator[tuple[str, str]]:
    while line := readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        yield name.strip().lower(), value.strip()
