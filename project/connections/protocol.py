"""uvicorn's protocol with bounds: how long a client may keep it waiting, and how a connection ends (ADR 14).

What is read on it is the subclass's affair (`project/connections/http_protocol.py`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from project.connections import register
from project.connections.limits import Limits
from project.connections.transport import ClosingTransport, HeldFlow
from project.connections.watch import WAITING, Phase, Watch

App = Callable[..., Awaitable[None]]

BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 27\r\n"
    b"retry-after: 1\r\nconnection: close\r\n\r\nAll connections are in use.\n"
)


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
        self._watch = Watch(limits=self.limits, idle_seconds=self.timeout_keep_alive)
        self._socket: asyncio.Transport = cast("asyncio.Transport", None)
        # The request at work; `cycle` is the newest that was read.
        self._active: RequestResponseCycle | None = None
        self._keeps_alive = False
        self._is_in_head = False
        self._is_refused = False
        self._dropped_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        self._socket = transport
        super().connection_made(ClosingTransport(transport, close=self._close))
        self.flow = HeldFlow(self.transport, is_held=self._is_held)
        self._watch.note_taken(now=self.loop.time())
        is_admitted = self._register.admit(self)
        self._enter(Phase.HEAD)
        if not is_admitted:
            self._refuse_newcomer()

    def _refuse_newcomer(self) -> None:
        self._is_refused = True
        self.transport.write(BUSY)
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._enter(Phase.CLOSING)
        self._register.forget(self)
        self._tell_disconnected()
        super().connection_lost(exc)

    def _tell_disconnected(self) -> None:
        """uvicorn tells the newest request alone; the one at work may be an earlier one."""
        if self._active is not None and not self._active.response_complete:
            self._active.disconnected = True
            self._active.message_event.set()

    def shutdown(self) -> None:
        self._keeps_alive = False
        super().shutdown()
        if self._watch.phase is Phase.LINGERING:
            self.abort()

    def hear(self, size: int) -> bool:
        """Take notice of `size` bytes that came. False when they are to be dropped."""
        phase = self._watch.phase
        if phase is Phase.LINGERING:
            self._drop(size)
        elif phase is Phase.IDLE:
            self._enter(Phase.HEAD)
        elif phase is Phase.BODY:
            self._watch.note_body(now=self.loop.time())
        return phase not in {Phase.LINGERING, Phase.CLOSING}

    def on_headers_complete(self) -> None:
        """Until the body is whole its response ends the connection: nobody could tell what the rest belongs to."""
        super().on_headers_complete()
        self._keeps_alive, self.cycle.keep_alive = self.cycle.keep_alive, False

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if not self.cycle.response_started:
            self.cycle.keep_alive = self._keeps_alive
        if self._watch.phase is Phase.BODY:
            self._enter(Phase.ANSWER)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: App) -> None:
        self._active = cycle
        self._watch.begin_body()
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

    def resume_writing(self) -> None:
        self._watch.note_taken(now=self.loop.time())
        super().resume_writing()

    def _enter(self, phase: Phase) -> None:
        self._watch.enter(phase, now=self.loop.time())
        if phase in WAITING:
            self._register.wait(self)
        else:
            self._register.work(self)

    def look(self, *, now: float, elapsed: float) -> None:
        """End what has kept the server waiting for too long. `elapsed` seconds have gone by since the last look."""
        unsent = self._socket.get_write_buffer_size()
        is_body_wanted = self._is_body_wanted()
        if self._watch.is_overdue(now=now, elapsed=elapsed, unsent=unsent, is_body_wanted=is_body_wanted):
            self.abort()
        elif self._watch.phase is Phase.SENDING and not unsent:
            self._await_request()

    def _is_body_wanted(self) -> bool:
        """Not while what came is still unread, nor before 100 Continue was said."""
        return not self.flow.read_paused and not (self._active and self._active.waiting_for_100_continue)

    def abort(self) -> None:
        """End it now, with whatever was still to be sent."""
        self._enter(Phase.CLOSING)
        self._register.forget(self)
        self._socket.abort()

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
        """Only so much: then the client stands still until it reads, or until its time is over."""
        self._dropped_bytes += size
        if self._dropped_bytes > self.limits.lingering_bytes:
            self._socket.pause_reading()
