"""A call over HTTP: one exchange, repeated for as long as nothing was published."""

import random
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

from providers.calls import retry
from providers.calls.base import Call
from providers.calls.exchange import HttpExchange
from providers.calls.protocol import HttpProtocol, WireRequest
from providers.catalog import Target
from providers.errors import CallAborted, ProviderError, UpstreamRejected
from providers.events import CallStarted, StreamEvent
from providers.messages import Request, Usage
from providers.transport.abortable import AbortHandle
from providers.transport.http import Transport


@dataclass(frozen=True, slots=True)
class Runtime:
    """The clocks, chance and waiting of a call. Tests bring their own, so that no test waits."""

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    chance: Callable[[], float] = random.random
    wait: Callable[[threading.Event, float], object] = threading.Event.wait


REAL_RUNTIME = Runtime()


class HttpCall(Call):
    def __init__(
        self,
        request: Request,
        target: Target,
        *,
        protocol: HttpProtocol,
        transport: Transport,
        runtime: Runtime = REAL_RUNTIME,
    ) -> None:
        super().__init__()
        self._http_calls = 0
        self._latest: HttpExchange | None = None
        self._request = request
        self._target = target
        self._protocol = protocol
        self._transport = transport
        self._runtime = runtime
        self._handle = AbortHandle()

    @property
    def http_calls(self) -> int:
        return self._http_calls

    @property
    def has_sent_prompt(self) -> bool:
        return self._handle.has_sent

    @property
    def usage_so_far(self) -> Usage | None:
        return None if self._latest is None else self._latest.usage_so_far

    @property
    def request_id(self) -> str | None:
        return None if self._latest is None else self._latest.request_id

    def abort(self) -> None:
        self._handle.abort()

    def _run(self) -> Generator[StreamEvent]:
        wire_request = self._encode()
        began = self._runtime.monotonic()
        for retries_made in count():
            published = False
            try:
                for event in self._exchange(wire_request):
                    published = True
                    yield event
                return
            except ProviderError as error:
                self._wait_before_retry(error, published, retries_made, began)

    def _encode(self) -> WireRequest:
        """Raises UpstreamRejected for what cannot be written."""
        try:
            return self._protocol.encode(self._request, self._target)
        except TypeError as exc:
            raise UpstreamRejected("The request cannot be written as JSON.", status=400) from exc

    def _exchange(self, wire_request: WireRequest) -> Iterator[StreamEvent]:
        """CallStarted is held back until the event after it: until then the vendor may fail and be asked again."""
        self._http_calls += 1
        exchange = self._latest = HttpExchange(
            wire_request, protocol=self._protocol, target=self._target, transport=self._transport, handle=self._handle
        )
        started: list[StreamEvent] = []
        for event in exchange.events(now=self._runtime.now()):
            self._check_aborted()
            if isinstance(event, CallStarted):
                started.append(event)
                continue
            if started:
                # From here on the target's patience, if it has any, counts no more.
                self._handle.read_within(None)
                yield started.pop()
            yield event
        yield from started

    def _wait_before_retry(self, error: ProviderError, published: bool, retries_made: int, began: float) -> None:
        """Raises CallAborted, or `error` itself when the call is not made again."""
        self._check_aborted(error)
        # It failed, so nobody pays for its prompt.
        self._handle.has_sent = False
        elapsed = self._runtime.monotonic() - began
        delay = (
            None
            if published
            else retry.delay_before_retry(
                error=error,
                retries_made=retries_made,
                elapsed_seconds=elapsed,
                chance=self._runtime.chance(),
                max_retries=self._target.max_retries,
                within_seconds=self._target.retry_seconds,
            )
        )
        if delay is None:
            raise error
        self._runtime.wait(self._handle.aborted, delay)
        self._check_aborted(error)

    def _check_aborted(self, cause: ProviderError | None = None) -> None:
        if self._handle.aborted.is_set():
            raise CallAborted("The call was aborted.") from cause
