"""A run that is stopped before anything of its answer came: who has sent a prompt to a vendor pays for it."""

import threading
from collections.abc import Callable

import pytest
import redis
from django.db import connection

from conversations.models import Account, LedgerEntry, Run
from conversations.rules.runs.run_states import AttemptOutcome
from conversations.workers.runs import ask as asking_module
from conversations.workers.runs.attempt import Attempt
from conversations.workers.runs.process import RunHandle, WorkerProcess
from conversations.workers.runs.settle import settle
from tests import builders
from tests.fakes.replies import Act, Reply, chunk, event, says
from tests.fakes.upstream import FakeUpstream
from tests.waiting import eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "no_routes", "prices")]

SILENT = says("Never").silent()
# Its head and first event, and not a word of an answer.
STARTED = Reply((event(chunk({"role": "assistant"})), Act.STALL))
# "Hello", the message and the beginning of the answer, estimated.
PROMPT_TOKENS = 9


Stopped = Callable[..., Run]


@pytest.fixture
def stopped(process: WorkerProcess, valkey: redis.Redis) -> Stopped:
    """The run, claimed and asked by a thread of its own, and stopped as soon as `is_reached`."""

    def stop(
        run: Run, is_reached: Callable[[RunHandle], object], *, outcome: AttemptOutcome = AttemptOutcome.CANCELLED
    ) -> Run:
        claimed = builders.runs.claim(run, worker_id=process.worker_id)
        attempt = Attempt(claimed, process.name, builders.runs.live_log(valkey, run, attempt=claimed.attempt))

        def answer(handle: RunHandle) -> None:
            try:
                settle(attempt, asking_module.ask(attempt, process=process, handle=handle))
            finally:
                connection.close()

        with process.track(run_id=run.pk, deadline_seconds=600) as handle:
            asking = threading.Thread(target=answer, args=(handle,), daemon=True)
            asking.start()
            eventually(lambda: is_reached(handle), bool)
            handle.abort(outcome)
            asking.join(30)
            assert not asking.is_alive()
        run.refresh_from_db()
        return run

    return stop


def paid(run: Run) -> tuple[str, str, str]:
    entry = LedgerEntry.objects.get(run=run, kind__in=("settle", "release"))
    # The sum with nothing is never -0.
    return entry.kind, entry.usage_source, f"{(0 - entry.amount).normalize():f}"


@pytest.mark.parametrize("reply", [SILENT, STARTED], ids=["silent", "started"])
def test_a_cancelled_run_pays_for_the_prompt_that_was_sent(
    ann: Account, vendor: FakeUpstream, stopped: Stopped, reply: Reply
) -> None:
    builders.money.meter(ann, "10")
    vendor.script(reply)

    run = stopped(builders.runs.start(ann), lambda _: vendor.requests)

    assert run.status == "cancelled"
    assert paid(run) == ("settle", "estimated", "0.009")
    assert run.usage == {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": 0, "source": "estimated"}
    assert builders.money.state(ann) == ("9.991", "0", None)


def test_a_long_question_cannot_be_asked_for_nothing(ann: Account, vendor: FakeUpstream, stopped: Stopped) -> None:
    builders.money.meter(ann, "10")
    vendor.script(SILENT)

    run = stopped(builders.runs.start(ann, "word " * 4000), lambda _: vendor.requests)

    assert run.usage is not None
    used = run.usage["prompt_tokens"]
    assert used > 4000
    assert paid(run) == ("settle", "estimated", f"{used / 1000:g}")


def test_an_account_that_has_calls_alone_has_used_one(ann: Account, vendor: FakeUpstream, stopped: Stopped) -> None:
    builders.money.meter(ann, calls=5)
    vendor.script(SILENT)

    run = stopped(builders.runs.start(ann), lambda _: vendor.requests)

    assert paid(run) == ("settle", "estimated", "0")
    assert builders.money.state(ann) == (None, "0", 4)


def test_a_run_of_nobody_who_pays_has_no_usage(ann: Account, vendor: FakeUpstream, stopped: Stopped) -> None:
    vendor.script(SILENT)

    run = stopped(builders.runs.start(ann), lambda _: vendor.requests)

    assert (run.status, run.usage) == ("cancelled", None)
    assert not LedgerEntry.objects.filter(run=run).exists()


def test_a_run_that_no_vendor_was_asked_for_costs_nothing(
    ann: Account, stopped: Stopped, process: WorkerProcess
) -> None:
    """It waits for a place: somebody else has the only one."""
    builders.money.meter(ann, "10", calls=5)
    with FakeUpstream() as full:
        builders.upstreams.target(full, max_concurrent=1)
        full.script(SILENT)
        # The first run has the place, and its handle is aborted only after the second has ended.
        waiting = builders.runs.start(ann, "Second", conversation_id="second")

        def stop_the_second(handle: RunHandle) -> bool:
            if not full.requests:
                return False
            ended = stopped(waiting, lambda handle: handle.abort_call)
            assert paid(ended) == ("release", "", "0")
            return True

        stopped(builders.runs.start(ann), stop_the_second)

        assert len(full.requests) == 1
    assert builders.money.state(ann) == ("9.991", "0", 4)


def test_a_run_past_its_deadline_has_failed_and_costs_nothing(
    ann: Account, vendor: FakeUpstream, stopped: Stopped
) -> None:
    """The deadline is the service's own: nobody can ask for nothing by it."""
    builders.money.meter(ann, "10")
    vendor.script(SILENT)

    run = stopped(builders.runs.start(ann), lambda _: vendor.requests, outcome=AttemptOutcome.DEADLINE)

    assert run.status == "failed"
    assert paid(run) == ("release", "", "0")
