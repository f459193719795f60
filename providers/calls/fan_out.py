"""Several answers to one question, though the vendor brings fewer than asked for: many read no `n`, and answer once."""

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace

from providers.calls.base import Call
from providers.errors import UpstreamEmpty
from providers.events import CallStarted, StreamEvent, UsageReported
from providers.messages import ChatRequest, CompletionRequest, Request, Usage


def wanted(request: Request) -> int:
    """How many answers to its one question the request asks for. To several prompts the vendor has the only say."""
    is_one = isinstance(request, ChatRequest) or (isinstance(request, CompletionRequest) and len(request.prompts) == 1)
    asked = request.options.get("n") if is_one else None
    return asked if isinstance(asked, int) and asked > 1 else 1


class FanOutCall(Call):
    """One answer made of as many calls as it takes: each asks for the choices that the ones before did not bring.

    `open_one` makes a call of a request. A call that brings nothing new is the last, so there are never more calls
    than choices. Usage is told once, at the end, as the sum; not at all when a call did not report its own.
    """

    def __init__(self, request: Request, *, open_one: Callable[[Request], Call]) -> None:
        super().__init__()
        self._request = request
        self._open_one = open_one
        self._lock = threading.Lock()
        self._current: Call | None = None
        self._is_aborted = False
        self._earlier_http_calls = 0

    @property
    def http_calls(self) -> int:
        return self._earlier_http_calls + (self._current.http_calls if self._current else 0)

    @property
    def request_id(self) -> str | None:
        return self._current.request_id if self._current else None

    def abort(self) -> None:
        with self._lock:
            self._is_aborted = True
            if self._current is not None:
                self._current.abort()

    def _run(self) -> Generator[StreamEvent]:
        missing = list(range(wanted(self._request)))
        usages: list[Usage | None] = []
        while missing:
            brought: set[int] = set()
            try:
                with self._open(len(missing)) as call:
                    usage = yield from _in_place(call, missing, brought, is_first=not usages)
            except UpstreamEmpty:
                if not usages:
                    raise
                # What it cost nobody tells.
                usage = None
            usages.append(usage)
            missing = [place for place in missing if place not in brought] if brought else []
        yield from _total(usages)

    def _open(self, count: int) -> Call:
        call = self._open_one(replace(self._request, options={**self._request.options, "n": count}))
        with self._lock:
            self._earlier_http_calls = self.http_calls
            self._current = call
            if self._is_aborted:
                call.abort()
        return call


def _in_place(
    call: Call, places: list[int], brought: set[int], *, is_first: bool
) -> Generator[StreamEvent, None, Usage | None]:
    """The call's events with its choices numbered by `places`; returns its usage. What was not asked for is dropped."""
    usage: Usage | None = None
    for event in call:
        if isinstance(event, UsageReported):
            usage = event.usage
        elif isinstance(event, CallStarted):
            if is_first:
                yield event
        elif event.choice < len(places):
            brought.add(places[event.choice])
            yield replace(event, choice=places[event.choice])
    return usage


def _total(usages: list[Usage | None]) -> Iterator[StreamEvent]:
    reported = [usage for usage in usages if usage is not None]
    if len(reported) < len(usages):
        return
    yield UsageReported(
        Usage(
            prompt_tokens=sum(usage.prompt_tokens for usage in reported),
            completion_tokens=sum(usage.completion_tokens for usage in reported),
            prompt_details=_sums([usage.prompt_details for usage in reported]),
            completion_details=_sums([usage.completion_details for usage in reported]),
            source=reported[0].source,
            cost=_sum([usage.cost for usage in reported]),
        )
    )


def _sum(costs: list[float | None]) -> float | None:
    """None unless every call told its own: a part of the cost would pass for the whole."""
    told = [cost for cost in costs if cost is not None]
    return sum(told) if len(told) == len(costs) else None


def _sums(details: list[Mapping[str, int]]) -> dict[str, int]:
    names = {name: None for counts in details for name in counts}
    return {name: sum(counts.get(name, 0) for counts in details) for name in names}
