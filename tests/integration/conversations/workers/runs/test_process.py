"""A worker process that is told to stop: by a signal, in the midst of anything."""

import threading

import pytest

from conversations.workers.runs import process as worker_process
from conversations.workers.runs.process import DEADLINE, DRAIN, WorkerProcess

pytestmark = pytest.mark.django_db(transaction=True)

NEVER = float("inf")


def test_is_drained_without_waiting_for_what_the_signal_interrupted() -> None:
    """Celery calls it inside the signal's handler: the lock may be held by the very thread that is to take it."""
    with worker_process._current_lock:
        handler = threading.Thread(target=worker_process.drain, kwargs={"seconds": 3.0}, daemon=True)
        handler.start()
        handler.join(30)

        assert not handler.is_alive()


def test_hangs_up_on_its_runs_once_their_time_is_over(process: WorkerProcess) -> None:
    hung_up: list[str] = []

    with process.live_run(run_id=1, deadline_seconds=600) as live:
        live.abort = lambda: hung_up.append("at once")
        process.drain(seconds=600)
        process.look_after(next_beat=NEVER)
        assert process.is_draining.is_set()
        assert hung_up == []

        process.drain(seconds=0)
        process.look_after(next_beat=NEVER)

    assert (hung_up, live.why) == (["at once"], DRAIN)


def test_a_run_past_its_deadline_is_no_drained_one(process: WorkerProcess) -> None:
    with process.live_run(run_id=1, deadline_seconds=-1) as live:
        process.look_after(next_beat=NEVER)

        assert live.why == DEADLINE
