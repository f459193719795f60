"""A TCP gate on loopback between the service and a store: it can stop one statement on its way in, or its answer.

    with Gate(store, PostgresWire) as gate, gate.hold(rb"UPDATE run") as held:
        …                    # the client runs it, and waits
        held.wait()          # it is here: the store has not seen it
        os.kill(client, SIGKILL)
        held.drop()          # the store never will; `let_pass` would have sent it on

With `is_answer` the store carries it out, and what is held is the answer that it has committed. Only the connection
that said it stands still. `Gate` may be used from any thread.
"""

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Self

from tests.faults.harness.wire_parsers import Said, Wire

REACHED_SECONDS = 30.0
_CHUNK_BYTES = 65536

# Where the store listens: the path of a Unix socket, or host and port.
Address = str | tuple[str, int]


class Held:
    """The first message whose meaning matches `pattern`, from its arrival until somebody decides about it."""

    def __init__(self, pattern: bytes, *, is_answer: bool, gate: "Gate") -> None:
        self.pattern = re.compile(pattern, re.DOTALL)
        self.is_answer = is_answer
        self._gate = gate
        self._is_there = threading.Event()
        self._decided = asyncio.Event()
        self._may_pass = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._decide(may_pass=False)

    def wait(self) -> None:
        """Until it is there. Raises AssertionError when it does not come."""
        assert self._is_there.wait(REACHED_SECONDS), f"Nothing like {self.pattern.pattern!r} in {REACHED_SECONDS} s"

    def let_pass(self) -> None:
        self._decide(may_pass=True)

    def drop(self) -> None:
        """Break the connection off; not a byte of what was held gets through."""
        self._decide(may_pass=False)

    async def passes(self) -> bool:
        self._is_there.set()
        await self._decided.wait()
        return self._may_pass

    def _decide(self, *, may_pass: bool) -> None:
        self._gate.run(self._set(may_pass=may_pass))

    async def _set(self, *, may_pass: bool) -> None:
        self._gate.forget(self)
        if not self._decided.is_set():
            self._may_pass = may_pass
            self._decided.set()


class Gate:
    def __init__(self, store: Address, wire: Callable[[], Wire]) -> None:
        self._store = store
        self._wire = wire
        self._awaited: list[Held] = []
        self._connections: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gate", daemon=True)
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

    def hold(self, pattern: bytes, *, is_answer: bool = False) -> Held:
        """From now on the gate waits for such a message, and stops the first one."""
        held = Held(pattern, is_answer=is_answer, gate=self)
        self.run(self._await(held))
        return held

    def shut(self) -> None:
        """Break every connection off and refuse new ones, until `open`: the store is away."""
        self.run(self._close())

    def open(self) -> None:
        self.run(self._listen())

    def forget(self, held: Held) -> None:
        with suppress(ValueError):
            self._awaited.remove(held)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(REACHED_SECONDS)

    async def _await(self, held: Held) -> None:
        self._awaited.append(held)

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
        # A store that is away, or either side breaking off: the other one is told by the closed connection.
        with suppress(OSError, asyncio.CancelledError):
            store_reader, store_writer = await _connect(self._store)
            await _Connection(self, self._wire()).carry(reader, writer, store_reader, store_writer)
        for end in (writer, store_writer):
            if end:
                end.close()
        self._connections.discard(task)

    def awaited(self, said: Said) -> Held | None:
        """What waits for this message; it waits no longer."""
        found = next((held for held in self._awaited if said.meaning and held.pattern.search(said.meaning)), None)
        if found:
            self.forget(found)
        return found


class _Connection:
    def __init__(self, gate: Gate, wire: Wire) -> None:
        self._gate = gate
        self._wire = wire
        self._answer: Held | None = None

    async def carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        store_reader: asyncio.StreamReader,
        store_writer: asyncio.StreamWriter,
    ) -> None:
        """Until either side has ended, or what was held is dropped."""
        ways = [self._carry_in(reader, store_writer), self._carry_out(store_reader, writer)]
        tasks = [asyncio.ensure_future(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            for said in self._wire.read(data):
                held = self._gate.awaited(said)
                if held and held.is_answer:
                    self._answer = held
                elif held and not await held.passes():
                    return
                writer.write(said.data)
            await writer.drain()

    async def _carry_out(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept = b""
        while data := await reader.read(_CHUNK_BYTES):
            kept += data
            if held := self._answer:
                if not kept.endswith(self._wire.ANSWER_ENDS):
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
