"""All connections of one web process: how many there may be, which is evicted, and the one timer that checks them."""

import asyncio
from collections import OrderedDict
from typing import Protocol
from weakref import WeakKeyDictionary

import structlog
from uvicorn.server import ServerState

log = structlog.get_logger(__name__)

# A full register is logged at most once in this time.
LOG_SECONDS = 60.0


class Connection(Protocol):
    def abort(self) -> None: ...
    def check(self, *, now: float, elapsed: float) -> None: ...


class Register:
    """At most `most` connections are kept at once (None: no limit). All are checked every `check_seconds` seconds."""

    def __init__(self, *, loop: asyncio.AbstractEventLoop, most: int | None, check_seconds: float) -> None:
        self._loop = loop
        self._most = most
        self._check_seconds = check_seconds
        self._all: set[Connection] = set()
        # Connections that wait for their client, the one that has waited longest first.
        self._evictable: OrderedDict[Connection, None] = OrderedDict()
        self._is_check_scheduled = False
        self._checked_at = 0.0
        self._logged_at: float | None = None

    def admit(self, connection: Connection) -> bool:
        """Add a connection. Returns False when it should be refused: the limit is reached and all others are busy."""
        has_capacity = self._most is None or len(self._all) < self._most or self._evict(self._most)
        self._all.add(connection)
        if not self._is_check_scheduled:
            self._schedule_check()
        return has_capacity

    def mark_evictable(self, connection: Connection) -> None:
        """The connection now waits for its client. The one that has waited longest is evicted first."""
        self._evictable[connection] = None
        self._evictable.move_to_end(connection)

    def mark_busy(self, connection: Connection) -> None:
        self._evictable.pop(connection, None)

    def remove(self, connection: Connection) -> None:
        self._all.discard(connection)
        self._evictable.pop(connection, None)

    def _evict(self, most: int) -> bool:
        """Abort the connection that has waited longest. Returns whether one more may be added."""
        self._log_full(most)
        if self._evictable:
            longest = next(iter(self._evictable))
            self.remove(longest)
            longest.abort()
        return len(self._all) < most

    def _log_full(self, most: int) -> None:
        now = self._loop.time()
        if self._logged_at is None or now - self._logged_at > LOG_SECONDS:
            self._logged_at = now
            log.warning("connections_full", most=most)

    def _schedule_check(self) -> None:
        self._is_check_scheduled = True
        self._checked_at = self._loop.time()
        self._loop.call_later(self._check_seconds, self._check_all)

    def _check_all(self) -> None:
        now = self._loop.time()
        elapsed = now - self._checked_at
        # After a pause of the loop itself, what the clients sent meanwhile may still be unread: check at the next time.
        if elapsed < 2 * self._check_seconds:
            for connection in tuple(self._all):
                connection.check(now=now, elapsed=elapsed)
        if self._all:
            self._schedule_check()
        else:
            self._is_check_scheduled = False


_registers: WeakKeyDictionary[ServerState, Register] = WeakKeyDictionary()


def of(
    server_state: ServerState, *, loop: asyncio.AbstractEventLoop, most: int | None, check_seconds: float
) -> Register:
    """The server's register; made with its first connection."""
    register = _registers.get(server_state)
    if register is None:
        register = _registers[server_state] = Register(loop=loop, most=most, check_seconds=check_seconds)
    return register
