"""uvicorn's protocol with limits on how long a client may keep it waiting, and on how a connection ends (ADR 14).

The subclass in `http_protocol.py` does the parsing.
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
from project.connections.timeouts import EVICTABLE, Phase, Timeouts
from project.connections.transport import ClosingTransport, PipelineFlow

App = Callable[..., Awaitable[None]]

BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 27\r\n"
    b"retry-after: 1\r\nconnection: close\r\n\r\nAll connections are in use.\n"
)


class BoundedProtocol(HttpToolsProtocol):
    """One connection: its phase, its deadlines and its end."""

    limits = Limits()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        # At this many connections uvicorn itself would answer every request with 503, however many of them are idle.
        most, self.limit_concurrency = self.limit_concurrency, None
        self._register = register.of(server_state, loop=self.loop, most=most, check_seconds=self.limits.check_interval)
        self._timeouts = Timeouts(limits=self.limits, idle_seconds=self.timeout_keep_alive)
        self._socket: asyncio.Transport = cast("asyncio.Transport", None)
        # The request that a view is answering; `cycle` is the newest that was read.
        self._active: RequestResponseCycle | None = None
        self._keeps_alive = False
        self._is_in_head = False
        self._is_refused = False
        self._dropped_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        self._socket = transport
        super().connection_made(ClosingTransport(transport, close=self._close))
        self.flow = PipelineFlow(self.transport, is_blocked=self._is_blocked)
        self._timeouts.note_progress(now=self.loop.time())
        is_admitted = self._register.admit(self)
        self._enter(Phase.HEAD)
        if not is_admitted:
            self._refuse_connection()

    def _refuse_connection(self) -> None:
        self._is_refused = True
        self.transport.write(BUSY)
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._enter(Phase.CLOSING)
        self._register.remove(self)
        self._notify_disconnected()
        super().connection_lost(exc)

    def _notify_disconnected(self) -> None:
        """uvicorn notifies only the newest request. The one being answered may be an earlier one."""
        if self._active is not None and not self._active.response_complete:
            self._active.disconnected = True
            self._active.message_event.set()

    def shutdown(self) -> None:
        self._keeps_alive = False
        super().shutdown()
        if self._timeouts.phase is Phase.LINGERING:
            self.abort()

    def note_received(self, size: int) -> bool:
        """Record that `size` bytes were received. Returns False when they are to be dropped."""
        phase = self._timeouts.phase
        if phase is Phase.LINGERING:
            self._drop(size)
        elif phase is Phase.IDLE:
            self._enter(Phase.HEAD)
        elif phase is Phase.BODY:
            self._timeouts.note_body(now=self.loop.time())
        return phase not in {Phase.LINGERING, Phase.CLOSING}

    def on_headers_complete(self) -> None:
        """A response before the body is complete ends the connection: its rest could be read as a request."""
        super().on_headers_complete()
        self._keeps_alive, self.cycle.keep_alive = self.cycle.keep_alive, False

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if not self.cycle.response_started:
            self.cycle.keep_alive = self._keeps_alive
        if self._timeouts.phase is Phase.BODY:
            self._enter(Phase.ANSWER)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: App) -> None:
        self._active = cycle
        self._timeouts.reset_body_time()
        self._enter(Phase.BODY if cycle.more_body else Phase.ANSWER)
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Replaces uvicorn's, which would resume reading although requests wait, and set a timer for every response."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._await_request()
        self._resume_reading()

    def _await_request(self) -> None:
        if self._socket.get_write_buffer_size():
            self._enter(Phase.SENDING)
        else:
            self._enter(Phase.HEAD if self._is_in_head else Phase.IDLE)

    def _resume_reading(self) -> None:
        self.flow.resume_reading()

    def _is_blocked(self) -> bool:
        """Whether what was received has to wait: a request is queued, or the connection is to end."""
        return bool(self.pipeline) or self._is_refused

    def resume_writing(self) -> None:
        self._timeouts.note_progress(now=self.loop.time())
        super().resume_writing()

    def _enter(self, phase: Phase) -> None:
        self._timeouts.enter(phase, now=self.loop.time())
        if phase in EVICTABLE:
            self._register.mark_evictable(self)
        else:
            self._register.mark_busy(self)

    def check(self, *, now: float, elapsed: float) -> None:
        """Abort the connection if its client is overdue. `elapsed`: seconds since the last check."""
        unsent = self._socket.get_write_buffer_size()
        is_body_wanted = self._is_body_wanted()
        if self._timeouts.is_overdue(now=now, elapsed=elapsed, unsent=unsent, is_body_wanted=is_body_wanted):
            self.abort()
        elif self._timeouts.phase is Phase.SENDING and not unsent:
            self._await_request()

    def _is_body_wanted(self) -> bool:
        """False while received bytes are still unread, and before 100 Continue was sent."""
        return not self.flow.read_paused and not (self._active and self._active.waiting_for_100_continue)

    def abort(self) -> None:
        """Close the connection at once. Bytes that are not sent yet are lost."""
        self._enter(Phase.CLOSING)
        self._register.remove(self)
        self._socket.abort()

    def _close(self) -> None:
        """Called instead of the transport's `close`."""
        is_complete = self._active is None or not self._active.more_body
        if is_complete and not self._is_refused:
            self._enter(Phase.CLOSING)
            self._socket.close()
        else:
            self._linger()

    def _linger(self) -> None:
        """Closing while bytes arrive resets the connection; the client may never read the answer (RFC 9112, 9.6)."""
        self._enter(Phase.LINGERING)
        self._notify_disconnected()
        with suppress(OSError):
            self._socket.write_eof()
        self._socket.resume_reading()

    def _drop(self, size: int) -> None:
        """Drop up to `lingering_bytes`. After that nothing more is read until the connection ends."""
        self._dropped_bytes += size
        if self._dropped_bytes > self.limits.lingering_bytes:
            self._socket.pause_reading()
