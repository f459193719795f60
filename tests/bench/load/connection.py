"""A client's keep-alive HTTP/1.1 connection: one request at a time; records when each piece of an answer arrives."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import httptools


@dataclass(slots=True)
class Response:
    """Times are of the monotonic clock, in seconds."""

    asked_at: float
    ended_at: float = 0.0
    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    pieces: list[tuple[float, bytes]] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return b"".join(data for _, data in self.pieces)


class Connection(asyncio.Protocol):
    """`on_first` is called once, with the first byte of the first answer."""

    def __init__(self, *, on_first: Callable[[], None]) -> None:
        self._on_first = on_first
        self._is_open = False
        self._parser = httptools.HttpResponseParser(self)
        self._response = Response(0.0)
        self._done: asyncio.Future[None] | None = None

    async def ask(self, request: bytes) -> Response:
        """Send a request; returns the response. Raises ConnectionError when the connection closes before its end."""
        self._parser = httptools.HttpResponseParser(self)
        self._done = asyncio.get_running_loop().create_future()
        self._response = Response(time.monotonic())
        self._transport.write(request)
        await self._done
        return self._response

    def close(self) -> None:
        self._done = None
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done and not self._done.done():
            self._done.set_exception(exc or ConnectionError("the connection was closed before the answer's end"))

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._response.headers[name.lower()] = value

    def on_body(self, data: bytes) -> None:
        self._response.pieces.append((time.monotonic(), data))
        if not self._is_open:
            self._is_open = True
            self._on_first()

    def on_message_complete(self) -> None:
        self._response.ended_at = time.monotonic()
        self._response.status = self._parser.get_status_code()
        if self._done:
            self._done.set_result(None)
