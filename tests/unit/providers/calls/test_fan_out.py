from collections.abc import Generator, Sequence
from typing import Any

import pytest

from providers.calls import fan_out
from providers.calls.base import Call
from providers.calls.fan_out import FanOutCall
from providers.errors import CallAborted, UpstreamEmpty, UpstreamUnavailable
from providers.events import CallStarted, ChoiceFinished, StreamEvent, TextDelta, UsageReported
from providers.messages import ChatRequest, CompletionRequest, EmbeddingRequest, Request, Usage


class ScriptedCall(Call):
    """Yields the events of a script; an exception in it is raised."""

    def __init__(self, script: Sequence[StreamEvent | Exception], *, http_calls: int = 1) -> None:
        super().__init__()
        self._script = script
        self._made = http_calls
        self.is_aborted = False

    @property
    def http_calls(self) -> int:
        return self._made

    @property
    def request_id(self) -> str | None:
        return f"req-{self._made}"

    def abort(self) -> None:
        self.is_aborted = True

    def _run(self) -> Generator[StreamEvent]:
        for step in self._script:
            if self.is_aborted:
                raise CallAborted("aborted")
            if isinstance(step, Exception):
                raise step
            yield step


class Vendor:
    """Opens one scripted call after another and keeps the options of each request."""

    def __init__(self, *scripts: Sequence[StreamEvent | Exception]) -> None:
        self._scripts = list(scripts)
        self.asked: list[Any] = []
        self.calls: list[ScriptedCall] = []

    def open(self, request: Request) -> Call:
        self.asked.append(request.options)
        self.calls.append(ScriptedCall(self._scripts.pop(0)))
        return self.calls[-1]


def asking(count: int, **options: Any) -> ChatRequest:
    return ChatRequest("m", (), {"n": count, **options})


def answer(text: str, choice: int = 0) -> list[StreamEvent | Exception]:
    return [TextDelta(text, choice), ChoiceFinished("stop", choice)]


@pytest.mark.parametrize(
    ("given", "expected"), [({}, 1), ({"n": 1}, 1), ({"n": 3}, 3), ({"n": 0}, 1), ({"n": None}, 1), ({"n": "3"}, 1)]
)
def test_reads_how_many_answers_are_wanted(given: dict[str, Any], expected: int) -> None:
    assert fan_out.wanted(ChatRequest("m", (), given)) == expected


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (CompletionRequest("m", ("a",), {"n": 3}), 3),
        (CompletionRequest("m", ("a", "b"), {"n": 3}), 1),
        (EmbeddingRequest("m", ("a",), {"n": 3}), 1),
    ],
)
def test_fans_out_only_for_a_single_prompt(request_: Request, expected: int) -> None:
    assert fan_out.wanted(request_) == expected


def test_asks_once_when_the_vendor_brings_all() -> None:
    vendor = Vendor([CallStarted("r"), *answer("a", 1), *answer("b", 0), UsageReported(Usage(3, 4))])

    events = list(FanOutCall(asking(2, seed=7), open_one=vendor.open))

    assert events == [
        CallStarted("r"),
        *answer("a", 1),
        *answer("b", 0),
        UsageReported(Usage(3, 4)),
    ]
    assert vendor.asked == [{"n": 2, "seed": 7}]


def test_asks_for_what_is_missing_until_all_are_there() -> None:
    first, second, third = Usage(5, 1, {"cached": 2}), Usage(5, 2, {"cached": 1}, {"reasoning": 1}), Usage(5, 3)
    vendor = Vendor(
        [CallStarted("r1"), *answer("a"), UsageReported(first)],
        [CallStarted("r2"), *answer("b"), UsageReported(second)],
        [CallStarted("r3"), *answer("c"), UsageReported(third)],
    )

    events = list(FanOutCall(asking(3), open_one=vendor.open))

    assert events == [
        CallStarted("r1"),
        *answer("a", 0),
        *answer("b", 1),
        *answer("c", 2),
        UsageReported(Usage(15, 6, {"cached": 3}, {"reasoning": 1}, of_calls=(first, second, third))),
    ]
    assert [options["n"] for options in vendor.asked] == [3, 2, 1]


def test_asks_for_the_choice_that_a_vendor_skipped() -> None:
    vendor = Vendor([*answer("a", 0), *answer("c", 2)], answer("b"))

    events = list(FanOutCall(asking(3), open_one=vendor.open))

    assert events == [*answer("a", 0), *answer("c", 2), *answer("b", 1)]
    assert [options["n"] for options in vendor.asked] == [3, 1]


def test_drops_choices_that_were_not_asked_for() -> None:
    vendor = Vendor([*answer("a", 0), *answer("b", 1), *answer("more", 2)])

    assert list(FanOutCall(asking(2), open_one=vendor.open)) == [*answer("a", 0), *answer("b", 1)]


def test_asks_no_more_once_a_call_brings_nothing_new() -> None:
    vendor = Vendor(answer("a"), [CallStarted("r"), UsageReported(Usage(1, 0))])

    events = list(FanOutCall(asking(5), open_one=vendor.open))

    assert events == answer("a")
    assert [options["n"] for options in vendor.asked] == [5, 4]


def test_reports_no_usage_when_one_call_reported_none() -> None:
    vendor = Vendor([*answer("a"), UsageReported(Usage(1, 1))], answer("b"))

    assert list(FanOutCall(asking(2), open_one=vendor.open)) == [*answer("a", 0), *answer("b", 1)]


def test_counts_the_requests_of_all_calls() -> None:
    vendor = Vendor(answer("a"), answer("b"))
    call = FanOutCall(asking(2), open_one=vendor.open)
    assert (call.http_calls, call.request_id) == (0, None)

    counts = [call.http_calls for _ in call]

    assert counts == [1, 1, 2, 2]
    assert (call.http_calls, call.request_id) == (2, "req-1")


def test_fails_as_the_call_that_failed() -> None:
    vendor = Vendor([*answer("a"), UsageReported(Usage(1, 1))], [UpstreamUnavailable("gone")])
    seen: list[StreamEvent] = []

    with pytest.raises(UpstreamUnavailable, match="gone"):
        seen.extend(FanOutCall(asking(3), open_one=vendor.open))

    assert len(vendor.asked) == 2


def test_ends_with_fewer_choices_when_a_later_call_brings_nothing() -> None:
    vendor = Vendor([*answer("a"), UsageReported(Usage(1, 1))], [UpstreamEmpty("nothing")])
    call = FanOutCall(asking(3), open_one=vendor.open)

    assert list(call) == [*answer("a"), UsageReported(Usage(1, 1))]
    assert len(vendor.asked) == 2
    # The call that failed is nobody's to pay for.
    assert call.prompts_sent == 1


@pytest.mark.parametrize("affordable", [0, 1, 2])
def test_makes_no_further_call_than_it_may(affordable: int) -> None:
    vendor = Vendor(*([*answer(text), UsageReported(Usage(3, 1))] for text in "abc"))
    left = iter([True] * affordable + [False])
    call = FanOutCall(asking(3), open_one=vendor.open, may_go_on=lambda: next(left))

    events = list(call)

    assert len(vendor.asked) == call.prompts_sent == affordable + 1
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["a", "b", "c"][: affordable + 1]
    assert isinstance(events[-1], UsageReported)
    assert events[-1].usage.prompt_tokens == 3 * (affordable + 1)


def test_fails_when_the_first_call_brings_nothing() -> None:
    vendor = Vendor([UpstreamEmpty("nothing")])

    with pytest.raises(UpstreamEmpty):
        list(FanOutCall(asking(3), open_one=vendor.open))


@pytest.mark.parametrize(("costs", "total"), [([0.5, 0.25], 0.75), ([0.5, None], None), ([None, None], None)])
def test_adds_up_what_the_calls_cost(costs: list[float | None], total: float | None) -> None:
    vendor = Vendor(*([*answer("a"), UsageReported(Usage(1, 1, cost=cost))] for cost in costs))

    *_, last = FanOutCall(asking(2), open_one=vendor.open)

    assert isinstance(last, UsageReported)
    assert last.usage.cost == total
    assert [usage.cost for usage in last.usage.of_calls] == costs


@pytest.mark.parametrize("after", [1, 2, 3])
def test_aborts_whichever_call_is_under_way(after: int) -> None:
    """The third event is the first of the second call."""
    vendor = Vendor([*answer("a")], [*answer("b")])
    call = FanOutCall(asking(2), open_one=vendor.open)
    events = iter(call)
    seen = [next(events) for _ in range(after)]

    call.abort()
    with pytest.raises(CallAborted):
        seen.extend(events)

    assert seen == [*answer("a", 0), *answer("b", 1)][:after]
    assert vendor.calls[-1].is_aborted


def test_sends_nothing_after_an_abort() -> None:
    vendor = Vendor(answer("a"))
    call = FanOutCall(asking(2), open_one=vendor.open)

    call.abort()

    with pytest.raises(CallAborted):
        list(call)
    assert vendor.calls[0].is_aborted
