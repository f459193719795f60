"""What every family's turn route does once the request is understood: accept the run, then collect or stream it."""

from collections.abc import AsyncIterator
from typing import ClassVar, Protocol

from django.http import StreamingHttpResponse

from conversations import ids, upstream
from conversations.dialects import endings
from conversations.errors import ParleyError
from conversations.services import runs
from conversations.services.accounts import Caller
from conversations.services.runs import AcceptedRun
from conversations.turns import RunEnded, RunEvent, TurnRequest
from conversations.views import blocking
from conversations.views.doors import Door
from conversations.views.turn_reader import TurnReader

RUN_ID_HEADER = "X-Run-Id"
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

    def feed(self, item: RunEvent, /) -> bytes: ...


class TurnDoor(Door):
    async def accept(self, turn: TurnRequest, *, caller: Caller, is_streamed: bool) -> "OpenTurn":
        """From here on the run ends by itself, whoever goes away. Raises UnknownModel and its like before that."""
        target = upstream.target_for(turn.model)
        run_id = ids.new_run_id()
        reader = await TurnReader.open(run_id)
        try:
            run = await blocking.call(
                runs.start,
                account_id=caller.account_id,
                api_key_id=caller.api_key_id,
                turn=turn,
                run_id=run_id,
                channel=reader.channel,
                trace_id=self.trace_id,
                context_window=target.context_window,
                is_streamed=is_streamed,
            )
        except BaseException:
            reader.close()
            raise
        return OpenTurn(run, reader)


class OpenTurn:
    """An accepted run and its one reader here, who leaves in the end."""

    def __init__(self, run: AcceptedRun, reader: TurnReader) -> None:
        self.run = run
        self._reader = reader
        self._events = reader.events(run)

    async def collect(self, collector: Collector) -> None:
        """Waits for the end. Raises the run's error when there is nothing to answer."""
        try:
            async for item in self._events:
                if item is not None:
                    collector.feed(item)
        finally:
            self._leave()
        if error := collector.failure():
            raise error

    async def stream(self, stream: Stream) -> StreamingHttpResponse:
        """The response, once there is a first event or the wait for it grew long. Raises what came before that."""
        try:
            first = await anext(self._events)
            if first and isinstance(first.event, RunEnded) and (error := endings.failure(first.event, has_text=False)):
                raise error
        except BaseException:
            self._leave()
            raise
        response = StreamingHttpResponse(
            self._wire(first, stream), content_type=stream.content_type, headers=STREAM_HEADERS
        )
        # Also when the client left before the first byte, and the generator below never began.
        response._resource_closers.append(self._reader.close)  # type: ignore[attr-defined] # unknown to the stubs
        return response

    async def _wire(self, first: RunEvent | None, stream: Stream) -> AsyncIterator[bytes]:
        try:
            item = first
            while True:
                if data := stream.keep_alive if item is None else stream.feed(item):
                    yield data
                item = await anext(self._events)
        except StopAsyncIteration:
            return
        finally:
            self._leave()

    def _leave(self) -> None:
        self._reader.close()
        if not self.run.is_stored:
            blocking.call_later(runs.forget, run_id=self.run.pk)
