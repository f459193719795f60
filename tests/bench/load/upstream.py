"""A fast vendor in a process of its own: as much HTTP and SSE as `POST /v1/chat/completions` needs.

Run as `python -m tests.bench.load.upstream`. It prints its port and ends with its standard input. SIGUSR1 releases held
answers.
"""

import asyncio
import signal
import sys
from functools import cache
from typing import cast

import httptools
import orjson
import uvloop

from tests.bench.load.script import Script, opening, piece, stamp

BACKLOG = 1024
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
    b"x-request-id: req-bench\r\n\r\n"
)
_CHUNK = (
    '{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1760000000,"model":"gpt-4o-mini",'
    '"choices":[{"index":0,"delta":%s,"finish_reason":%s}],"usage":null}'
)
_USAGE = (
    '{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1760000000,"model":"gpt-4o-mini",'
    '"choices":[],"usage":{"prompt_tokens":40,"completion_tokens":%d,"total_tokens":99}}'
)


def event(payload: str) -> bytes:
    """One SSE event as one HTTP chunk, as a vendor that flushes each token sends it."""
    data = b"data: " + payload.encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


def content(text: str) -> bytes:
    return event(_CHUNK % (orjson.dumps({"content": text}).decode(), "null"))


@cache
def ending(chunks: int) -> bytes:
    return event(_CHUNK % ("{}", '"stop"')) + event(_USAGE % chunks) + event("[DONE]") + b"0\r\n\r\n"


@cache
def at_once(chunks: int) -> bytes:
    """Everything after the opening."""
    return b"".join(content(piece(number)) for number in range(1, chunks)) + ending(chunks)


class Connection(asyncio.Protocol):
    """One of the service's keep-alive connections."""

    held: set["Connection"] = set()  # noqa: RUF012 — shared by all connections of the process

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []
        self._script = Script()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.held.discard(self)
        if self._timer:
            self._timer.cancel()

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        request = orjson.loads(b"".join(self._body))
        self._body.clear()
        nonce, self._script = Script.read(request["messages"][-1]["content"])
        first = HEAD + content(opening(nonce, messages=len(request["messages"])))
        if self._script.is_held:
            self._transport.write(first)
            self.held.add(self)
        elif self._script.per_second:
            self._transport.write(first)
            self._pace(number=1, begun_at=self._loop.time())
        else:
            self._transport.write(first + at_once(self._script.chunks))

    def _pace(self, *, number: int, begun_at: float) -> None:
        """Send the chunks at their times since the beginning, so that a late chunk does not delay the next."""
        if number > 1:
            self._transport.write(content(stamp()))
        if number == self._script.chunks:
            self._transport.write(ending(self._script.chunks))
            return
        due = begun_at + number / self._script.per_second
        self._timer = self._loop.call_at(due, lambda: self._pace(number=number + 1, begun_at=begun_at))

    @classmethod
    def release(cls) -> None:
        for connection in cls.held:
            connection._transport.write(at_once(connection._script.chunks))
        cls.held.clear()


async def serve() -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, Connection.release)
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=BACKLOG)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(serve())
