"""A run and one reader of it here: collected into one answer, or streamed. The same for every family."""

from collections.abc import AsyncIterator, Callable
from typing import ClassVar, Protocol

from django.http import StreamingHttpResponse

from conversations.dialects import endings
from conversations.errors import ParleyError
from conversations.turns import RunEnded, RunEvent
from conversations.views import stopping
from conversations.views.turn_reader import TurnReader

# Proxies that gather a response before passing it on would undo streaming.
STREAM_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


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


class OpenTurn:
    """`after`: up to this position the reader has the events already. `on_leave` hears whether it saw the end."""

    def __init__(
        self, reader: TurnReader, *, run_id: int, after: int = 0, on_leave: Callable[[bool], None] = lambda _: None
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
            with stopping.waiting():
                async for item in self._events:
                    if item is not None:
                        collector.feed(item)
        finally:
            self.leave()
        if error := collector.failure():
            raise error

    async def stream(self, stream: Stream) -> StreamingHttpResponse:
        """The response, once there is a first event or the wait for it grew long. Raises what came before that."""
        try:
            first = await self._first_new(stream)
            if first and not self._after:
                _raise_failure(first)
        except BaseException:
            self.leave()
            raise
        response = StreamingHttpResponse(
            self._wire(first, stream), content_type=stream.content_type, headers=STREAM_HEADERS
        )
        # Also when the client left before the first byte, and the generator below never began.
        response._resource_closers.append(self.leave)  # type: ignore[attr-defined] # unknown to the stubs
        return response

    async def _first_new(self, stream: Stream) -> RunEvent | None:
        async for item in self._events:
            if item is None or self._is_new(item):
                return item
            stream.skip(item)
        return None

    def _is_new(self, item: RunEvent) -> bool:
        """The end is, for every reader: even one who has it waits to be told."""
        return item.position > self._after or isinstance(item.event, RunEnded)

    async def _wire(self, first: RunEvent | None, stream: Stream) -> AsyncIterator[bytes]:
        try:
            item = first
            while True:
                if item is not None and not self._is_new(item):
                    stream.skip(item)
                elif data := stream.keep_alive if item is None else stream.feed(item):
                    yield data
                if stream.is_over:
                    return
                item = await anext(self._events)
        except StopAsyncIteration:
            return
        finally:
            self.leave()

    def leave(self) -> None:
        if not self._has_left:
            self._has_left = True
            self._reader.close()
            self._on_leave(self._saw_end)


def _raise_failure(first: RunEvent) -> None:
    if isinstance(first.event, RunEnded) and (error := endings.failure(first.event, has_text=False)):
        raise error
