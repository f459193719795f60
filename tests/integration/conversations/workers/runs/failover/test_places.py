"""Targets that take a limited number of calls at once, when they have that many."""

import threading

import pytest
import redis

from conversations import routing
from conversations.models import Account, ActiveRun
from conversations.routing import scripts
from conversations.routing.board import Use
from conversations.rules import routing as rules
from conversations.workers.runs.process import WorkerProcess
from tests import builders
from tests.fakes.replies import fails, says
from tests.fakes.upstream import FakeUpstream
from tests.integration.conversations import inspection
from tests.integration.conversations.workers.runs.conftest import Answered

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "no_routes")]

FIRST = "openai / first / gpt-4"
SOMEBODY = 987


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "PLACE_SECONDS", 0.5)


def taken(process: WorkerProcess) -> Use:
    """The first target's only place, by a call of somebody else."""
    use = process.board.begin(routing.for_model("gpt-4")[0], SOMEBODY)
    assert isinstance(use, Use)
    return use


def places(valkey: redis.Redis) -> int:
    return sum(int(valkey.zcard(key)) for key in valkey.scan_iter(f"{scripts.PREFIX}places:*"))


def test_a_full_target_is_passed_over_without_having_failed(
    answered: Answered, process: WorkerProcess, first: FakeUpstream, second: FakeUpstream
) -> None:
    builders.upstreams.target(first, "first", max_concurrent=1)
    builders.upstreams.target(second, "second", priority=2)
    taken(process)

    run = answered()

    assert inspection.state(run)[0] == "completed"
    assert (len(first.requests), len(second.requests)) == (0, 1)
    assert inspection.moves(run) == []


def test_a_run_waits_for_a_place_of_its_only_target(
    answered: Answered, process: WorkerProcess, first: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    builders.upstreams.target(first, "first", max_concurrent=1)
    use = taken(process)
    asked_while_full = []

    def free(seconds: float) -> None:
        asked_while_full.append(len(first.requests))
        process.board.end(use)
        process.board.exchange()

    with monkeypatch.context() as patched:
        patched.setattr("conversations.workers.runs.process.RunHandle.wait", lambda _, seconds: free(seconds))
        run = answered()

    assert inspection.state(run)[0] == "completed"
    assert asked_while_full == [0]
    assert len(first.requests) == 1


@pytest.mark.usefixtures("impatient")
def test_a_run_that_gets_no_place_in_time_fails_as_overloaded(
    answered: Answered, process: WorkerProcess, first: FakeUpstream
) -> None:
    builders.upstreams.target(first, "first", max_concurrent=1)
    taken(process)

    run = answered()

    assert inspection.state(run) == ("failed", 1, 0, "upstream_overloaded")
    assert inspection.moves(run) == [(FIRST, "full", None)]
    assert first.requests == []


@pytest.mark.usefixtures("impatient")
def test_what_is_out_is_asked_when_the_others_stay_full(
    answered: Answered, ann: Account, process: WorkerProcess, first: FakeUpstream, second: FakeUpstream
) -> None:
    builders.upstreams.target(second, "second", priority=2)
    second.script(fails(429, headers={"Retry-After": "30"}))
    answered(builders.runs.start(ann, conversation_id="other"))
    builders.upstreams.target(first, "first", max_concurrent=1)
    taken(process)

    run = answered()

    assert inspection.state(run)[0] == "completed"
    assert first.requests == []


def test_a_stopped_run_waits_for_no_place(
    answered: Answered, ann: Account, process: WorkerProcess, first: FakeUpstream
) -> None:
    builders.upstreams.target(first, "first", max_concurrent=1)
    taken(process)
    run = builders.runs.start(ann)
    ActiveRun.objects.filter(pk=run.pk).update(cancel_requested_at="2026-01-01T00:00:00Z")
    is_over = threading.Event()

    def monitor() -> None:
        while not is_over.wait(0.01):
            process.tick(next_heartbeat=float("inf"))

    thread = threading.Thread(target=monitor)
    thread.start()
    answered(run)
    is_over.set()
    thread.join()

    assert inspection.state(run)[0] == "cancelled"
    assert first.requests == []


@pytest.mark.parametrize(
    "reply",
    [says("Whole."), fails(400), fails(401), fails(500, headers={"Retry-After": "0"}), says("Hel", "lo").cut_after(2)],
)
def test_the_place_is_free_however_the_call_ends(
    answered: Answered, process: WorkerProcess, first: FakeUpstream, valkey: redis.Redis, reply: object
) -> None:
    builders.upstreams.target(first, "first", max_concurrent=1)
    first.default = lambda _: reply  # type: ignore[assignment,return-value]

    answered()
    process.board.exchange()

    assert first.requests
    assert places(valkey) == 0
