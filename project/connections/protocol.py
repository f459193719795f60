"""uvicorn's protocol with bounds: how long a client may keep it waiting, and how a connection ends (ADR 14).

What is read on it is the subclass's affair (`project/http_protocol.py`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Enum, auto
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from project.connections import register
from project.connections.limits import Limits
from project.connections.transport import ClosingTransport, HeldFlow

App = Callable[..., Awaitable[None]]

BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 27\r\n"
    b"retry-after: 1\r\nconnection: close\r\n\r\nAll connections are in use.\n"
)


class Phase(Enum):
    """What a connection is doing. In the first three it owes nobody anything and may give way to others."""

    IDLE = auto()
    HEAD = auto()
    LINGERING = auto()  # answered before the request was whole: the client may still read
    BODY = auto()
    ANSWER = auto()
    SENDING = auto()  # answered, but the client has not taken all of it yet
    CLOSING = auto()


_WAITING = frozenset({Phase.IDLE, Phase.HEAD, Phase.LINGERING})


class BoundedProtocol(HttpToolsProtocol):
    limits = Limits()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        # uvicorn itself would answer every request with 503 at so many connections, be they idle or not.
        most, self.limit_concurrency = self.limit_concurrency, None
        self._register = register.of(server_state, loop=self.loop, most=most, look_seconds=self.limits.look)
        self._phase = Phase.HEAD
        self._since = 0.0
        self._taken_at = 0.0
        self._unsent = 0
        self._dropped_bytes = 0
        self._body_seconds = 0.0
        self._socket: asyncio.Transport = cast("asyncio.Transport", None)
        self._active: RequestResponseCycle | None = None
        self._keeps_alive = False
        self._is_in_head = False
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        self._socket = transport
        super().connection_made(ClosingTransport(transport, close=self._close))
        self.flow = HeldFlow(self.transport, is_held=self._is_held)
        self._taken_at = self.loop.time()
        is_admitted = self._register.admit(self)
        self._enter(Phase.HEAD)
        if not is_admitted:
            self._refuse_newcomer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._phase = Phase.CLOSING
        self._register.forget(self)
        self._tell_disconnected()
        super().connection_lost(exc)

    def abort(self) -> None:
        """End it now, with whatever was still to be sent."""
        self._enter(Phase.CLOSING)
        self._register.forget(self)
        self._socket.abort()

    def shutdown(self) -> None:
        self._keeps_alive = False
        super().shutdown()
        if self._phase is Phase.LINGERING:
            self.abort()

    def hear(self, size: int) -> bool:
        """Take notice of `size` bytes that came. False when they are to be dropped."""
        if self._phase is Phase.LINGERING:
            self._drop(size)
            return False
        if self._phase is Phase.IDLE:
            self._enter(Phase.HEAD)
        elif self._phase is Phase.BODY:
            self._since = self.loop.time()
        return self._phase is not Phase.CLOSING

    def on_headers_complete(self) -> None:
        """Until the body is whole its response ends the connection: nobody could tell what the rest belongs to."""
        super().on_headers_complete()
        self._keeps_alive, self.cycle.keep_alive = self.cycle.keep_alive, False

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if not self.cycle.response_started:
            self.cycle.keep_alive = self._keeps_alive
        if self._phase is Phase.BODY:
            self._enter(Phase.ANSWER)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: App) -> None:
        self._active = cycle
        self._body_seconds = 0.0
        self._enter(Phase.BODY if cycle.more_body else Phase.ANSWER)
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """In uvicorn's place: it would read on although requests wait, and set a timer for every response."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._await_request()
        self._read_on()

    def _await_request(self) -> None:
        if self._socket.get_write_buffer_size():
            self._enter(Phase.SENDING)
        else:
            self._enter(Phase.HEAD if self._is_in_head else Phase.IDLE)

    def _read_on(self) -> None:
        self.flow.resume_reading()

    def _is_held(self) -> bool:
        return bool(self.pipeline) or self._is_refused

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._since = self.loop.time()
        if phase in _WAITING:
            self._register.wait(self)
        else:
            self._register.work(self)

    def resume_writing(self) -> None:
        self._taken_at = self.loop.time()
        super().resume_writing()

    def look(self, *, now: float, elapsed: float) -> None:
        """End what has kept the server waiting for too long. `elapsed` seconds have gone by since the last look."""
        if self._has_stopped_taking(now) or self._is_overdue(now, elapsed):
            self.abort()
        elif self._phase is Phase.SENDING and not self._unsent:
            self._await_request()

    def _has_stopped_taking(self, now: float) -> bool:
        unsent = self._socket.get_write_buffer_size()
        if unsent == 0 or unsent < self._unsent:
            self._taken_at = now
        self._unsent = unsent
        return now - self._taken_at > self.limits.write

    def _is_overdue(self, now: float, elapsed: float) -> bool:
        waited = now - self._since
        match self._phase:
            case Phase.HEAD:
                return waited > self.limits.head
            case Phase.IDLE:
                return waited > self.timeout_keep_alive
            case Phase.LINGERING:
                return waited > self.limits.lingering and not self._unsent
            case Phase.BODY:
                return self._is_body_overdue(now, elapsed)
        return False

    def _is_body_overdue(self, now: float, elapsed: float) -> bool:
        """The client has time while it is the server that does not read, or has not yet said 100 Continue."""
        assert self._active is not None  # noqa: S101 — a body belongs to a request
        if self.flow.read_paused or self._active.waiting_for_100_continue:
            self._since = now
            return False
        self._body_seconds += elapsed
        return now - self._since > self.limits.body_silence or self._body_seconds > self.limits.body

    def _close(self) -> None:
        """Called in place of the transport's close."""
        is_whole = self._active is None or not self._active.more_body
        if is_whole and not self._is_refused:
            self._enter(Phase.CLOSING)
            self._socket.close()
        else:
            self._linger()

    def _linger(self) -> None:
        """To close while bytes arrive resets the connection, and the client may never see why (RFC 9112, 9.6)."""
        self._enter(Phase.LINGERING)
        self._tell_disconnected()
        with suppress(OSError):
            self._socket.write_eof()
        self._socket.resume_reading()

    def _drop(self, size: int) -> None:
        self._dropped_bytes += size
        if self._dropped_bytes > self.limits.lingering_bytes:
            self._socket.pause_reading()

    def _refuse_newcomer(self) -> None:
        self._is_refused = True
        self.transport.write(BUSY)
        self.transport.close()

    def _tell_disconnected(self) -> None:
        """uvicorn tells the newest request alone; the one at work may be an earlier one."""
        if self._active is not None and not self._active.response_complete:
            self._active.disconnected = True
            self._active.message_event.set()
