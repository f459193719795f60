"""A TCP proxy on loopback between the service and a store. It can hold one statement, or the answer to one.

    with TcpProxy(store, PostgresParser) as proxy, proxy.hold(rb"UPDATE run") as held:
        …                    # the client sends the statement, and waits
        held.wait()          # it has arrived here: the store has not seen it
        os.kill(client, SIGKILL)
        held.drop()          # the store never will; `let_pass` would forward it

With `is_answer` the store executes the statement, and its answer is held: it has committed. Other connections go on.
`TcpProxy` may be used from any thread.
"""

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Self

from tests.faults.harness.wire_parsers import WireMessage, WireParser

REACHED_SECONDS = 30.0
_CHUNK_BYTES = 65536

# Where the store listens: the path of a Unix socket, or host and port.
Address = str | tuple[str, int]


class HeldMessage:
    """The first message whose meaning matches `pattern`, held until the test lets it pass or drops it."""

    def __init__(self, pattern: bytes, *, is_answer: bool, proxy: "TcpProxy") -> None:
        self.pattern = re.compile(pattern, re.DOTALL)
        self.is_answer = is_answer
        self._proxy = proxy
        self._is_there = threading.Event()
        self._decided = asyncio.Event()
        self._may_pass = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._decide(may_pass=False)

    def wait(self) -> None:
        """Wait until it has arrived. Raises AssertionError when it does not."""
        assert self._is_there.wait(REACHED_SECONDS), f"Nothing like {self.pattern.pattern!r} in {REACHED_SECONDS} s"

    def let_pass(self) -> None:
        self._decide(may_pass=True)

    def drop(self) -> None:
        """Close the connection; nothing of what is held is forwarded."""
        self._decide(may_pass=False)

    async def passes(self) -> bool:
        self._is_there.set()
        await self._decided.wait()
        return self._may_pass

    def _decide(self, *, may_pass: bool) -> None:
        self._proxy.run(self._set(may_pass=may_pass))

    async def _set(self, *, may_pass: bool) -> None:
        self._proxy.forget(self)
        if not self._decided.is_set():
            self._may_pass = may_pass
            self._decided.set()


class TcpProxy:
    def __init__(self, store: Address, new_parser: Callable[[], WireParser]) -> None:
        self._store = store
        self._new_parser = new_parser
        self._waiting: list[HeldMessage] = []
        self._connections: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tcp-proxy", daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self.run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def hold(self, pattern: bytes, *, is_answer: bool = False) -> HeldMessage:
        """Hold the first such message from now on."""
        held = HeldMessage(pattern, is_answer=is_answer, proxy=self)
        self.run(self._await(held))
        return held

    def shut(self) -> None:
        """Close every connection and refuse new ones until `open`: the store is away."""
        self.run(self._close())

    def open(self) -> None:
        self.run(self._listen())

    def forget(self, held: HeldMessage) -> None:
        with suppress(ValueError):
            self._waiting.remove(held)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(REACHED_SECONDS)

    async def _await(self, held: HeldMessage) -> None:
        self._waiting.append(held)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        store_writer: asyncio.StreamWriter | None = None
        # When the store is away or one side closes, the other side notices it by its own connection being closed.
        with suppress(OSError, asyncio.CancelledError):
            store_reader, store_writer = await _connect(self._store)
            await _Connection(self, self._new_parser()).forward(reader, writer, store_reader, store_writer)
        for end in (writer, store_writer):
            if end:
                end.close()
        self._connections.discard(task)

    def take_match(self, message: WireMessage) -> HeldMessage | None:
        """The hold that matches this message, if any. It matches no other after that."""
        found = next((held for held in self._waiting if message.meaning and held.pattern.search(message.meaning)), None)
        if found:
            self.forget(found)
        return found


class _Connection:
    def __init__(self, proxy: TcpProxy, parser: WireParser) -> None:
        self._proxy = proxy
        self._parser = parser
        self._answer: HeldMessage | None = None

    async def forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        store_reader: asyncio.StreamReader,
        store_writer: asyncio.StreamWriter,
    ) -> None:
        """Forward until either side ends, or a held message is dropped."""
        directions = [self._forward_requests(reader, store_writer), self._forward_answers(store_reader, writer)]
        tasks = [asyncio.ensure_future(direction) for direction in directions]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _forward_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            for message in self._parser.read(data):
                held = self._proxy.take_match(message)
                if held and held.is_answer:
                    self._answer = held
                elif held and not await held.passes():
                    return
                writer.write(message.data)
            await writer.drain()

    async def _forward_answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept = b""
        while data := await reader.read(_CHUNK_BYTES):
            kept += data
            if held := self._answer:
                if not kept.endswith(self._parser.ANSWER_END):
                    continue
                if not await held.passes():
                    return
                self._answer = None
            writer.write(kept)
            kept = b""
            await writer.drain()


async def _connect(store: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(store, str):
        return await asyncio.open_unix_connection(store)
    return await asyncio.open_connection(*store)
