"""One call to a model: retried while nothing was published, read as events, hung up from any thread.

The one way in is `open_call`; the built-in vendor echo answers through the same interface.
"""

import random
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from types import TracebackType
from typing import Protocol, Self

import httpx

from providers import retry
from providers.attempt import Attempt
from providers.catalog import ECHO, Target
from providers.echo import EchoCall
from providers.errors import CallAborted, ProviderError, UpstreamRejected
from providers.events import CallStarted, Event
from providers.line import Line
from providers.messages import ChatRequest
from providers.protocols.openai_chat import request as wire_request


class Call(Protocol):
    """An answer on its way. Iterate it once, in one thread; `abort` may come from any.

    `http_calls` counts the requests made so far, retries included; `request_id` is the vendor's name for the last.
    """

    @property
    def http_calls(self) -> int: ...

    @property
    def request_id(self) -> str | None: ...

    def __iter__(self) -> Iterator[Event]:
        """Raises ProviderError; after `abort`, CallAborted."""

    def abort(self) -> None:
        """End the call at once, also while it connects or waits in silence."""

    def close(self) -> None:
        """Give the connection back. Belongs to the reading thread."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a call takes from the world besides the network; tests bring their own."""

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    chance: Callable[[], float] = random.random
    wait: Callable[[threading.Event, float], object] = threading.Event.wait


REAL_SURROUNDINGS = Surroundings()


def open_call(request: ChatRequest, target: Target, *, http: httpx.Client) -> Call:
    """Nothing is sent before the first event is asked for; all errors come from iterating."""
    if target.vendor == ECHO:
        return EchoCall(request)
    return UpstreamCall(request, target, http=http)


class UpstreamCall:
    def __init__(
        self, request: ChatRequest, target: Target, *, http: httpx.Client, world: Surroundings = REAL_SURROUNDINGS
    ) -> None:
        self.http_calls = 0
        self._latest: Attempt | None = None
        self._request = request
        self._target = target
        self._http = http
        self._world = world
        self._line = Line()
        self._events = self._run()

    @property
    def request_id(self) -> str | None:
        return None if self._latest is None else self._latest.request_id

    def __iter__(self) -> Iterator[Event]:
        return self._events

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def abort(self) -> None:
        self._line.hang_up()

    def close(self) -> None:
        self._events.close()

    def _run(self) -> Generator[Event]:
        body = _dump(self._request, self._target)
        began = self._world.monotonic()
        for retries_made in count():
            published = False
            try:
                for event in self._attempt(body):
                    published = True
                    yield event
                return
            except ProviderError as error:
                self._wait_before_retry(error, published, retries_made, began)

    def _attempt(self, body: bytes) -> Iterator[Event]:
        """The start is told with the first event after it: until then the vendor may fail and be asked again."""
        self.http_calls += 1
        attempt = self._latest = Attempt(body=body, target=self._target, http=self._http, line=self._line)
        started: list[Event] = []
        for event in attempt.events(now=self._world.now()):
            self._check_hung_up()
            if isinstance(event, CallStarted):
                started.append(event)
                continue
            if started:
                yield started.pop()
            yield event
        yield from started

    def _wait_before_retry(self, error: ProviderError, published: bool, retries_made: int, began: float) -> None:
        """Raises CallAborted, or the error itself when there is no second try."""
        self._check_hung_up(error)
        elapsed = self._world.monotonic() - began
        delay = (
            None
            if published
            else retry.delay_before_retry(
                error=error, retries_made=retries_made, elapsed_seconds=elapsed, chance=self._world.chance()
            )
        )
        if delay is None:
            raise error
        self._world.wait(self._line.hung_up, delay)
        self._check_hung_up(error)

    def _check_hung_up(self, cause: ProviderError | None = None) -> None:
        if self._line.hung_up.is_set():
            raise CallAborted("The call was aborted.") from cause


def _dump(request: ChatRequest, target: Target) -> bytes:
    """Raises UpstreamRejected for what JSON cannot say, such as half a surrogate pair or a number of 30 digits."""
    try:
        return wire_request.dump(request, target)
    except TypeError as exc:
        raise UpstreamRejected("The request cannot be written as JSON.", status=400) from exc
