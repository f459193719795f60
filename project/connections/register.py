"""All connections of one web process: how many there may be, which gives way, and the one timer that looks at them."""

import asyncio
from collections import OrderedDict
from typing import Protocol
from weakref import WeakKeyDictionary

import structlog
from uvicorn.server import ServerState

log = structlog.get_logger(__name__)

# The log says once in this time that there are too many connections.
SAY_SECONDS = 60.0


class Connection(Protocol):
    def abort(self) -> None: ...
    def look(self, *, now: float, elapsed: float) -> None: ...


class Register:
    """`most` connections are kept at once (None: any number); `look_seconds` lie between two looks at them."""

    def __init__(self, *, loop: asyncio.AbstractEventLoop, most: int | None, look_seconds: float) -> None:
        self._loop = loop
        self._most = most
        self._look_seconds = look_seconds
        self._all: set[Connection] = set()
        # Those from which nothing is owed, in the order in which they came to wait for their clients.
        self._waiting: OrderedDict[Connection, None] = OrderedDict()
        self._is_looking = False
        self._looked_at = 0.0
        self._said_at: float | None = None

    def admit(self, connection: Connection) -> bool:
        """Take a connection in. False when all others are busy: then it should be refused."""
        has_room = self._most is None or len(self._all) < self._most or self._make_room(self._most)
        self._all.add(connection)
        if not self._is_looking:
            self._look_later()
        return has_room

    def wait(self, connection: Connection) -> None:
        """The connection now waits for its client: whoever has done so for longest gives way first."""
        self._waiting[connection] = None
        self._waiting.move_to_end(connection)

    def work(self, connection: Connection) -> None:
        self._waiting.pop(connection, None)

    def forget(self, connection: Connection) -> None:
        self._all.discard(connection)
        self._waiting.pop(connection, None)

    def _make_room(self, most: int) -> bool:
        self._say_full(most)
        if self._waiting:
            longest = next(iter(self._waiting))
            self.forget(longest)
            longest.abort()
        return len(self._all) < most

    def _say_full(self, most: int) -> None:
        now = self._loop.time()
        if self._said_at is None or now - self._said_at > SAY_SECONDS:
            self._said_at = now
            log.warning("connections_full", most=most)

    def _look_later(self) -> None:
        self._is_looking = True
        self._looked_at = self._loop.time()
        self._loop.call_later(self._look_seconds, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        elapsed = now - self._looked_at
        # After a pause of the loop itself what the clients sent may still be unread: nobody is judged by that.
        if elapsed < 2 * self._look_seconds:
            for connection in tuple(self._all):
                connection.look(now=now, elapsed=elapsed)
        if self._all:
            self._look_later()
        else:
            self._is_looking = False


_registers: WeakKeyDictionary[ServerState, Register] = WeakKeyDictionary()


def of(
    server_state: ServerState, *, loop: asyncio.AbstractEventLoop, most: int | None, look_seconds: float
) -> Register:
    """The one register of a server, made with its first connection."""
    register = _registers.get(server_state)
    if register is None:
        register = _registers[server_state] = Register(loop=loop, most=most, look_seconds=look_seconds)
    return register
