"""The run that tries a target whose breaker is half open; and a target that works while all others are out."""

from collections.abc import Callable

import orjson
import pytest
import redis

from conversations import routing
from conversations.routing import scripts
from conversations.routing.board import Use
from conversations.rules.routing import FAILURES
from conversations.workers.runs.process import WorkerProcess
from providers.errors import ProviderError, UpstreamUnavailable
from tests import builders
from tests.fakes.replies import Pause, Reply, fails, says
from tests.fakes.upstream import FakeUpstream
from tests.integration.conversations import inspection
from tests.integration.conversations.workers.runs.conftest import Answered

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "no_routes")]

FIRST = "openai / first / gpt-4"
OUT = f"{scripts.PREFIX}out"
HalfOpen = Callable[..., None]
DOWN = UpstreamUnavailable("down", status=503)


def broken(process: WorkerProcess, *, at: int, error: ProviderError = DOWN) -> None:
    """Opens the breaker of a target for all, by the failures of two accounts."""
    for account_id in (101, 101, 102, 102):
        use = process.board.begin(routing.for_model("gpt-4")[at], account_id)
        assert isinstance(use, Use)
        process.board.failed(use, FAILURES[type(error)], error)
        process.board.end(use)
    process.board.exchange()


@pytest.fixture
def half_open(process: WorkerProcess, valkey: redis.Redis) -> HalfOpen:
    """As it is after the first target's breaker was open for so many seconds."""

    def after(*, seconds: float) -> None:
        broken(process, at=0)
        for name, value in valkey.hgetall(OUT).items():
            entry = orjson.loads(value)
            valkey.hset(OUT, name, orjson.dumps({**entry, "ends": entry["since"], "lasts": seconds * 1000}).decode())
        process.board.exchange()

    return after


def slow(reply: Reply, *, after: int, seconds: float) -> Reply:
    return Reply((*reply.steps[:after], Pause(seconds), *reply.steps[after:]))


@pytest.mark.parametrize("silent", [says("Never").silent(), says("Never").stalled_after(0), says("x").stalled_after(1)])
def test_a_probe_waits_for_content_as_long_as_the_breaker_was_open_and_then_asks_another(
    answered: Answered,
    half_open: HalfOpen,
    first: FakeUpstream,
    second: FakeUpstream,
    silent: Reply,
) -> None:
    builders.upstreams.target(first, "first", read_timeout=3600)
    builders.upstreams.target(second, "second", priority=2)
    half_open(seconds=0.3)
    first.script(silent)

    run = answered()

    assert inspection.state(run)[0] == "completed"
    assert inspection.moves(run) == [(FIRST, "timed_out", None)]
    # On a busy machine it may read the request only afterwards.
    first.wait_for_requests(1)
    assert (len(first.requests), len(second.requests)) == (1, 1)


def test_heartbeats_are_no_content(
    answered: Answered, half_open: HalfOpen, first: FakeUpstream, second: FakeUpstream
) -> None:
    builders.upstreams.target(first, "first")
    builders.upstreams.target(second, "second", priority=2)
    half_open(seconds=0.3)
    first.script(Reply(tuple(step for _ in range(1000) for step in (b": ping\n\n", Pause(0.02)))))

    run = answered()

    assert inspection.moves(run) == [(FIRST, "timed_out", None)]


def test_a_probe_that_has_content_may_be_silent_as_long_as_any_call(
    answered: Answered, half_open: HalfOpen, first: FakeUpstream, second: FakeUpstream
) -> None:
    builders.upstreams.target(first, "first")
    builders.upstreams.target(second, "second", priority=2)
    half_open(seconds=5.0)
    first.script(slow(says("Wh", "ole."), after=2, seconds=5.5))

    run = answered()

    assert inspection.answer(run) == "Whole."
    assert second.requests == []


def test_a_probe_without_another_target_has_all_its_time(
    answered: Answered, half_open: HalfOpen, first: FakeUpstream
) -> None:
    builders.upstreams.target(first, "first")
    half_open(seconds=0.1)
    first.script(says("Whole.").silent(0.5))

    run = answered()

    assert inspection.answer(run) == "Whole."
    assert len(first.requests) == 1


def test_a_target_that_works_is_asked_again_rather_than_one_that_is_out(
    answered: Answered, process: WorkerProcess, first: FakeUpstream, second: FakeUpstream
) -> None:
    builders.upstreams.target(first, "first")
    builders.upstreams.target(second, "second", priority=2)
    broken(process, at=1)
    first.script(fails(500, headers={"Retry-After": "0"}), says("Whole."))

    run = answered()

    assert inspection.answer(run) == "Whole."
    assert (len(first.requests), len(second.requests)) == (2, 0)


def test_what_is_out_is_asked_when_all_else_has_failed(
    answered: Answered, process: WorkerProcess, first: FakeUpstream, second: FakeUpstream
) -> None:
    builders.upstreams.target(first, "first")
    builders.upstreams.target(second, "second", priority=2)
    broken(process, at=1)
    first.default = lambda _: fails(500, headers={"Retry-After": "0"})
    second.script(says("Whole."))

    run = answered()

    assert inspection.answer(run) == "Whole."
    assert (len(first.requests), len(second.requests)) == (3, 1)
    assert inspection.moves(run) == [(FIRST, "unavailable", 500)]
