"""A worker process that is stopped by a signal, in the middle of anything, and the deadlines of its runs."""

import threading

import pytest

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
