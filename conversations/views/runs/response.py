"""A run and one reader of it here: collected into one answer, or streamed. The same for every family."""

import time
from collections.abc import AsyncIterator, Callable
from typing import ClassVar, Protocol

from django.http import StreamingHttpResponse

from conversations.dialects import outcomes
from conversations.errors import ParleyError
from conversations.values.runs import RunEnded, RunEvent
from conversations.views.http import shutdown
from conversations.views.runs.reader import SILENCE_SECONDS, RunEventReader

# Proxies that gather a response before passing it on would undo streaming.
STREAM_HEADERS = {"Cache-Control": "no-cache, no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}


class Collector(Protocol):
    """Gathers a run's events until its end, for an answer in one piece."""

    def feed(self, item: RunEvent, /) -> bytes: ...

    def failure(self) -> ParleyError | None: ...


class Stream(Protocol):
    """Turns a run's events into wire bytes. `keep_alive` is empty where the form has no room for one."""

    content_type: ClassVar[str]
    keep_alive: ClassVar[bytes]
    is_over: bool

    def feed(self, item: RunEvent, /) -> bytes: ...

    def skip(self, item: RunEvent, /) -> None: ...


class RunResponse:
    """`after`: up to this position the reader has the events already. `on_leave` hears whether it saw the end."""

    def __init__(
        self, reader: RunEventReader, *, run_id: int, after: int = 0, on_leave: Callable[[bool], None] = lambda _: None
    ) -> None:
        self._reader = reader
        self._after = after
        self._on_leave = on_leave
        self._has_left = False
        self._saw_end = False
        self._events = self._note_end(reader.events(run_id=run_id))

    async def _note_end(self, events: AsyncIterator[RunEvent | None]) -> AsyncIterator[RunEvent | None]:
        async for item in events:
            self._saw_end = item is not None and isinstance(item.event, RunEnded)
            yield item

    async def collect(self, collector: Collector) -> None:
        """Waits for the end. Raises the run's error when there is nothing to answer."""
        try:
            with shutdown.waiting():
                async for item in self._events:
                    if item is not None:
                        collector.feed(item)
        finally:
            self.leave()
        if error := collector.failure():
            raise error

    async def stream(self, stream: Stream) -> StreamingHttpResponse:
        """The response, once there is something to write or the wait for it grew long. Raises what came before that."""
        try:
            first = await self._first_bytes(stream)
        except BaseException:
            self.leave()
            raise
        response = StreamingHttpResponse(
            self._wire(first, stream), content_type=stream.content_type, headers=STREAM_HEADERS
        )
        # Also when the client left before the first byte, and the generator below never began.
        response._resource_closers.append(self.leave)  # type: ignore[attr-defined] # unknown to the stubs
        return response

    async def _first_bytes(self, stream: Stream) -> bytes:
        """Empty when nothing came for long. What the form does not show commits to no HTTP status yet."""
        patience_ends_at = time.monotonic() + SILENCE_SECONDS
        async for item in self._events:
            if item is None:
                return stream.keep_alive
            if not self._after:
                _raise_failure(item)
            if (data := self._told(item, stream)) or time.monotonic() > patience_ends_at:
                return data
        return b""

    def _told(self, item: RunEvent, stream: Stream) -> bytes:
        """The end is new to every reader: even one who has it waits to be told."""
        if item.position > self._after or isinstance(item.event, RunEnded):
            return stream.feed(item)
        stream.skip(item)
        return b""

    async def _wire(self, first: bytes, stream: Stream) -> AsyncIterator[bytes]:
        try:
            if first:
                yield first
            while not stream.is_over:
                item = await anext(self._events)
                if data := stream.keep_alive if item is None else self._told(item, stream):
                    yield data
        except StopAsyncIteration:
            return
        finally:
            self.leave()

    def leave(self) -> None:
        if not self._has_left:
            self._has_left = True
            self._reader.close()
            self._on_leave(self._saw_end)


def _raise_failure(item: RunEvent) -> None:
    """Of a run that ends before there was anything to write."""
    if isinstance(item.event, RunEnded) and (error := outcomes.failure(item.event, has_text=False)):
        raise error
