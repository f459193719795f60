"""One call to a model: retried while nothing was published, read as events, hung up from any thread.

The one way in is `open_call`; the built-in vendor echo answers through the same interface.
"""

import random
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count

import httpx

from providers.calls import fan_out, retry
from providers.calls.base import Call
from providers.calls.exchange import HttpExchange
from providers.calls.fan_out import FanOutCall
from providers.catalog import ECHO, Target
from providers.echo.call import EchoCall
from providers.errors import CallAborted, ProviderError, UpstreamRejected
from providers.events import CallStarted, StreamEvent
from providers.messages import Request
from providers.protocols import registry
from providers.protocols.registry import WireRequest
from providers.transport.abortable import AbortHandle


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a call takes from the world besides the network; tests bring their own."""

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    chance: Callable[[], float] = random.random
    wait: Callable[[threading.Event, float], object] = threading.Event.wait


REAL_RUNTIME = Runtime()


def open_call(request: Request, target: Target, *, http: httpx.BaseTransport) -> Call:
    """Nothing is sent before the first event is asked for; all errors come from iterating."""
    open_one = partial(_open_one, target=target, http=http)
    return open_one(request) if fan_out.wanted(request) == 1 else FanOutCall(request, open_one=open_one)


def _open_one(request: Request, *, target: Target, http: httpx.BaseTransport) -> Call:
    if target.vendor == ECHO:
        return EchoCall(request)
    return UpstreamCall(request, target, http=http)


class UpstreamCall(Call):
    def __init__(
        self, request: Request, target: Target, *, http: httpx.BaseTransport, world: Runtime = REAL_RUNTIME
    ) -> None:
        super().__init__()
        self._http_calls = 0
        self._latest: HttpExchange | None = None
        self._request = request
        self._target = target
        self._http = http
        self._world = world
        self._handle = AbortHandle()

    @property
    def http_calls(self) -> int:
        return self._http_calls

    @property
    def request_id(self) -> str | None:
        return None if self._latest is None else self._latest.request_id

    def abort(self) -> None:
        self._handle.abort()

    def _run(self) -> Generator[StreamEvent]:
        asked = _encode(self._request, self._target)
        began = self._world.monotonic()
        for retries_made in count():
            published = False
            try:
                for event in self._exchange(asked):
                    published = True
                    yield event
                return
            except ProviderError as error:
                self._wait_before_retry(error, published, retries_made, began)

    def _exchange(self, asked: WireRequest) -> Iterator[StreamEvent]:
        """The start is told with the first event after it: until then the vendor may fail and be asked again."""
        self._http_calls += 1
        exchange = self._latest = HttpExchange(asked=asked, target=self._target, http=self._http, handle=self._handle)
        started: list[StreamEvent] = []
        for event in exchange.events(now=self._world.now()):
            self._check_aborted()
            if isinstance(event, CallStarted):
                started.append(event)
                continue
            if started:
                yield started.pop()
            yield event
        yield from started

    def _wait_before_retry(self, error: ProviderError, published: bool, retries_made: int, began: float) -> None:
        """Raises CallAborted, or the error itself when there is no second try."""
        self._check_aborted(error)
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
        self._world.wait(self._handle.aborted, delay)
        self._check_aborted(error)

    def _check_aborted(self, cause: ProviderError | None = None) -> None:
        if self._handle.aborted.is_set():
            raise CallAborted("The call was aborted.") from cause


def _encode(request: Request, target: Target) -> WireRequest:
    """Raises UpstreamRejected for what cannot be written."""
    try:
        return registry.encode(request, target)
    except TypeError as exc:
        raise UpstreamRejected("The request cannot be written as JSON.", status=400) from exc
