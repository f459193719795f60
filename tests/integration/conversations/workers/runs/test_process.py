"""A worker process that is stopped by a signal, in the middle of anything, and the deadlines of its runs."""

import threading
from functools import partial

import pytest
from pytest_django import Settings

from conversations.rules.runs.run_states import AttemptOutcome
from conversations.workers.runs import process as worker_process
from conversations.workers.runs.process import WorkerProcess

pytestmark = pytest.mark.django_db(transaction=True)

NEVER = float("inf")


def test_is_drained_without_waiting_for_what_the_signal_interrupted() -> None:
    """Celery calls it inside the signal's handler: the lock may be held by the very thread that is to take it."""
    with worker_process._current_lock:
        handler = threading.Thread(target=worker_process.drain, kwargs={"seconds": 3.0}, daemon=True)
        handler.start()
        handler.join(30)

        assert not handler.is_alive()


def test_aborts_the_calls_of_its_runs_once_the_drain_is_over(process: WorkerProcess) -> None:
    aborted: list[str] = []

    with process.track(run_id=1, deadline_seconds=600) as handle:
        handle.attach(lambda: aborted.append("at once"))
        process.drain(seconds=600)
        process.tick(next_heartbeat=NEVER)
        assert process.is_draining.is_set()
        assert aborted == []

        process.drain(seconds=0)
        process.tick(next_heartbeat=NEVER)

    assert (aborted, handle.aborted_as) == (["at once"], AttemptOutcome.DRAINED)


def test_a_run_past_its_deadline_is_no_drained_one(process: WorkerProcess) -> None:
    with process.track(run_id=1, deadline_seconds=-1) as handle:
        process.tick(next_heartbeat=NEVER)

        assert handle.aborted_as == AttemptOutcome.DEADLINE


def test_a_call_that_begins_after_its_run_was_aborted_is_aborted_at_once(process: WorkerProcess) -> None:
    aborted: list[str] = []

    with process.track(run_id=1, deadline_seconds=600) as handle:
        handle.abort(AttemptOutcome.CANCELLED)
        handle.abort(AttemptOutcome.DRAINED)
        handle.attach(lambda: aborted.append("at once"))

    assert (aborted, handle.aborted_as) == (["at once"], AttemptOutcome.CANCELLED)


def test_only_so_many_stopped_answers_are_read_on(process: WorkerProcess, settings: Settings) -> None:
    settings.USAGE_DRAINS, settings.USAGE_DRAIN_SECONDS = 1, 600.0
    aborted: list[int] = []

    with (
        process.track(run_id=1, deadline_seconds=-1) as first,
        process.track(run_id=2, deadline_seconds=-1) as second,
        process.track(run_id=3, deadline_seconds=-1) as third,
    ):
        for handle in (first, second):
            handle.may_drain = True
        for handle in (first, second, third):
            handle.attach(partial(aborted.append, handle.run_id))
        process.tick(next_heartbeat=NEVER)

        # Nobody pays for the third, so there is nothing to wait for.
        assert len(aborted) == 2
        assert 3 in aborted
        assert all(handle.aborted_as is AttemptOutcome.DEADLINE for handle in (first, second, third))


def test_an_answer_is_read_on_for_no_longer_than_it_may(process: WorkerProcess) -> None:
    aborted: list[str] = []

    with process.track(run_id=1, deadline_seconds=600) as handle:
        handle.may_drain = True
        handle.attach(lambda: aborted.append("at once"))
        handle.drain(AttemptOutcome.CANCELLED, until=NEVER)
        process.tick(next_heartbeat=NEVER)
        assert aborted == []

        handle.drain(AttemptOutcome.CANCELLED, until=0.0)
        process.tick(next_heartbeat=NEVER)

    assert (aborted, handle.aborted_as) == (["at once"], AttemptOutcome.CANCELLED)
