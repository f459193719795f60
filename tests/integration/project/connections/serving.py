"""A web server as the service runs it (uvicorn on uvloop, our protocol), with an app and limits of the test's own."""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn

from project.connections.http_protocol import StrictHttpProtocol
from project.connections.limits import Limits
from project.supervisor import listener

App = Callable[[Any, Any, Any], Awaitable[None]]
Address = tuple[str, int]

# Longer than any wait in these tests, unless the server is broken.
PATIENCE_SECONDS = 30.0
# For what must not end within a test.
NEVER = 3_600.0
# More than a server with limits reads; and what the kernels of both sides may buffer of it.
ENDLESS_BYTES = 1_000_000_000
BUFFERED_BYTES = 50_000_000


def limits(**seconds: float) -> Limits:
    """All limits are never reached, except those that the test names."""
    never = {"head": NEVER, "body_silence": NEVER, "body": NEVER, "write": NEVER, "lingering": NEVER}
    return Limits(check_interval=0.02, **(never | seconds))  # type: ignore[arg-type] # bytes are whole


@contextmanager
def serving(app: App, *, within: Limits, most: int | None = None, keep_alive: float = NEVER) -> Iterator[Address]:
    class Protocol(StrictHttpProtocol):
        limits = within

    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        limit_concurrency=most,
        timeout_keep_alive=keep_alive,  # type: ignore[arg-type] # as a timer takes it
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    with listener.listen(host="127.0.0.1", port=0) as listening:
        thread = threading.Thread(target=_run, args=(server, config, listening))
        thread.start()
        try:
            yield listener.own_address(listening)
        finally:
            server.should_exit = True
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()


def _run(server: uvicorn.Server, config: uvicorn.Config, listening: socket.socket) -> None:
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve([listening]))


@contextmanager
def connected(address: Address, *pieces: bytes) -> Iterator[socket.socket]:
    """A connection on which `pieces` were sent."""
    with socket.create_connection(address, timeout=PATIENCE_SECONDS) as connection:
        for piece in pieces:
            connection.sendall(piece)
        yield connection


def rest(connection: socket.socket) -> bytes:
    """All bytes received until the server closes."""
    got = bytearray()
    while data := connection.recv(65_536):
        got += data
    return bytes(got)


def send_until_reset(connection: socket.socket, piece: bytes) -> None:
    """Send `piece` again and again, until the server has ended the connection."""
    with suppress(ConnectionError):
        while True:
            connection.sendall(piece)
            time.sleep(0.01)


def send_until_stuck(connection: socket.socket, piece: bytes) -> int:
    """Send `piece` again and again, until the server takes nothing for a second; returns how many bytes it took."""
    connection.settimeout(1.0)
    sent = 0
    with suppress(TimeoutError):
        while sent < ENDLESS_BYTES:
            sent += connection.send(piece)
    return sent


def until(connection: socket.socket, end: bytes) -> bytes:
    """The bytes received, up to `end`."""
    got = bytearray()
    while not got.endswith(end):
        data = connection.recv(1)
        assert data, bytes(got)
        got += data
    return bytes(got)
