"""Several answers to one question from vendors that give fewer than asked for: many ignore `n` and answer once."""

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace

from providers.calls.base import Call
from providers.errors import UpstreamEmpty
from providers.events import CallStarted, StreamEvent, UsageReported
from providers.messages import ChatRequest, CompletionRequest, Request, Usage


def always() -> bool:
    """Of a call that nobody limits."""
    return True


def wanted(request: Request) -> int:
    """How many answers to its one question the request asks for. With several prompts it counts as 1: no fan-out."""
    is_one = isinstance(request, ChatRequest) or (isinstance(request, CompletionRequest) and len(request.prompts) == 1)
    count = request.options.get("n") if is_one else None
    return count if isinstance(count, int) and count > 1 else 1


class FanOutCall(Call):
    """One answer made of several calls: each asks for the choices that the calls before it did not bring.

    `open_one` opens the call of a request. A call that brings nothing new is the last, so there are never more calls
    than choices; and the last is the one after which `may_go_on` says no. Usage is reported once, at the end, as the
    sum; not at all when a call that brought something did not report its own.
    """

    def __init__(
        self, request: Request, *, open_one: Callable[[Request], Call], may_go_on: Callable[[], bool] = always
    ) -> None:
        super().__init__()
        self._request = request
        self._open_one = open_one
        self._may_go_on = may_go_on
        self._prompts_sent = 0
        self._lock = threading.Lock()
        self._current: Call | None = None
        self._is_aborted = False
        self._earlier_http_calls = 0

    @property
    def http_calls(self) -> int:
        return self._earlier_http_calls + (self._current.http_calls if self._current else 0)

    @property
    def prompts_sent(self) -> int:
        return self._prompts_sent

    @property
    def has_sent_prompt(self) -> bool:
        return self._current is not None and self._current.has_sent_prompt

    @property
    def usage_so_far(self) -> Usage | None:
        """None once there are several calls: of the earlier ones it is known, but of all it is not."""
        return self._current.usage_so_far if self._current and self._prompts_sent == 1 else None

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
        while missing and (not usages or self._may_go_on()):
            brought: set[int] = set()
            self._prompts_sent += 1
            try:
                with self._open(len(missing)) as call:
                    usages.append((yield from _renumbered(call, missing, brought, is_first=not usages)))
            except UpstreamEmpty:
                if not usages:
                    raise
                # It failed, so nobody pays for it.
                self._prompts_sent -= 1
            missing = [choice for choice in missing if choice not in brought] if brought else []
        yield from _total(usages)

    def _open(self, count: int) -> Call:
        call = self._open_one(replace(self._request, options={**self._request.options, "n": count}))
        with self._lock:
            self._earlier_http_calls = self.http_calls
            self._current = call
            if self._is_aborted:
                call.abort()
        return call


def _renumbered(
    call: Call, choices: list[int], brought: set[int], *, is_first: bool
) -> Generator[StreamEvent, None, Usage | None]:
    """The call's events, its choices numbered by `choices`; returns its usage. Choices not asked for are dropped."""
    usage: Usage | None = None
    for event in call:
        if isinstance(event, UsageReported):
            usage = event.usage
        elif isinstance(event, CallStarted):
            if is_first:
                yield event
        elif event.choice < len(choices):
            brought.add(choices[event.choice])
            yield replace(event, choice=choices[event.choice])
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
            cache_write_1h_tokens=sum(usage.cache_write_1h_tokens for usage in reported),
            searches=sum(usage.searches for usage in reported),
            of_calls=tuple(reported) if len(reported) > 1 else (),
        )
    )


def _sum(costs: list[float | None]) -> float | None:
    """None unless every call reported its cost: a part of the cost would pass for the whole."""
    reported = [cost for cost in costs if cost is not None]
    return sum(reported) if len(reported) == len(costs) else None


def _sums(details: list[Mapping[str, int]]) -> dict[str, int]:
    names = {name: None for counts in details for name in counts}
    return {name: sum(counts.get(name, 0) for counts in details) for name in names}
