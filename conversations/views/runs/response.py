"""The response to one reader of a run, in one piece or as a stream: the same for every family."""

import time
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase

from conversations.dialects.dialect import Collector, Dialect, Stream
from conversations.rules.runs import outcomes
from conversations.values.runs import Format, ReplyContext, Restarted, RunEnded, RunEvent
from conversations.views.http import shutdown
from conversations.views.http.base import json_response
from conversations.views.runs.reading.reader import SILENCE_SECONDS, RunEventReader

Item = RunEvent | Restarted

# `X-Accel-Buffering` tells proxies not to gather the response before they pass it on.
STREAM_HEADERS = {"Cache-Control": "no-cache, no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}


class Answering(Protocol):
    """What a view answers with, once a run is accepted."""

    async def respond(self, dialect: Dialect) -> HttpResponseBase: ...


class RunResponse:
    """`after`: the reader has the events up to this position. `on_leave` is told whether the reader saw the end."""

    def __init__(
        self,
        reader: RunEventReader,
        context: ReplyContext,
        *,
        run_id: int,
        answer_format: Format,
        after: int = 0,
        on_leave: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._reader = reader
        self._context = context
        self._format = answer_format
        self._after = after
        self._on_leave = on_leave
        self._has_left = False
        self._saw_end = False
        self._events = self._note_end(reader.events(run_id=run_id))

    async def _note_end(
        self, events: AsyncIterator[RunEvent | Restarted | None]
    ) -> AsyncIterator[RunEvent | Restarted | None]:
        async for item in events:
            self._saw_end = isinstance(item, RunEvent) and isinstance(item.event, RunEnded)
            yield item

    async def respond(self, dialect: Dialect) -> HttpResponseBase:
        """The answer in the family's wire form. Raises the run's error while it can still be an HTTP status."""
        if self._format is not Format.JSON:
            return await self._stream(dialect.streams[self._format](self._context))
        collector = dialect.collector(self._context)
        await self._collect(collector)
        return json_response(collector.answer())

    async def _collect(self, collector: Collector) -> None:
        """Waits for the end. Raises the run's error when there is nothing to answer."""
        try:
            with shutdown.waiting():
                async for item in self._events:
                    if isinstance(item, RunEvent):
                        collector.feed(item)
                    elif item is not None:
                        collector.restart()
        finally:
            self.leave()
        if error := collector.failure():
            raise error

    async def _stream(self, stream: Stream) -> StreamingHttpResponse:
        """The response, once there are bytes to write or the wait was long. Raises an error of the run before that."""
        try:
            first = await self._first_bytes(stream)
        except BaseException:
            self.leave()
            raise
        response = StreamingHttpResponse(
            self._wire(first, stream), content_type=stream.content_type, headers=STREAM_HEADERS
        )
        # For a client that left before the first byte: then the generator never began, and its `finally` never runs.
        response._resource_closers.append(self.leave)  # type: ignore[attr-defined] # unknown to the stubs
        return response

    async def _first_bytes(self, stream: Stream) -> bytes:
        """Empty when nothing came for long. Events without bytes in this format leave the HTTP status open."""
        patience_ends_at = time.monotonic() + SILENCE_SECONDS
        async for item in self._events:
            if item is None:
                return stream.keep_alive
            if not self._after:
                _raise_failure(item)
            if (data := self._bytes(item, stream)) or time.monotonic() > patience_ends_at:
                return data
        return b""

    def _bytes(self, item: Item, stream: Stream) -> bytes:
        """The end is new to every reader: even one that had it before waits for it."""
        if isinstance(item, Restarted):
            return stream.restart(item.position)
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
                if data := stream.keep_alive if item is None else self._bytes(item, stream):
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


def _raise_failure(item: Item) -> None:
    """Raises the error of a run that ended before there was anything to write."""
    if (
        isinstance(item, RunEvent)
        and isinstance(item.event, RunEnded)
        and (error := outcomes.failure(item.event, has_text=False))
    ):
        raise error
