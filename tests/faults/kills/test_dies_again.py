"""A worker and each of its successors are killed; or a worker is only frozen, and resumes."""

import os
import signal

import pytest

from conversations.models.runs.workers import LEASE_SECONDS
from tests.fakes.replies import says
from tests.faults.harness.callers import Way, ask
from tests.faults.harness.environment import ProxiedEnvironment
from tests.faults.harness.expectations import NEXT, THREAD, completed, failed
from tests.faults.harness.outcomes import observe, wait_for_ends
from tests.faults.harness.points import REPLIES, SECOND, SHOWN, Point, bring_to, wait_for_log
from tests.journeys.rows import RUNS
from tests.waiting import eventually

pytestmark = pytest.mark.faults

# RUN_MAX_ATTEMPTS, which is the service's own default.
MOST_ATTEMPTS = 3
WAITED = ("Does this wait?", "It did.")
# A lease, a sweep, and a slow machine.
LAPSE_SECONDS = LEASE_SECONDS + 12.0


def test_a_turn_is_given_up_when_its_workers_keep_dying(environment: ProxiedEnvironment) -> None:
    """And the question that was queued behind it is answered."""
    turn = bring_to(environment, Point.MIDSTREAM, Way.JSON)
    environment.plans[turn.question].clear()
    environment.plan(turn.question, *[REPLIES[Point.MIDSTREAM]] * (MOST_ATTEMPTS - 1))
    environment.plan(WAITED[0], says(WAITED[1]))
    newest = environment.newest_run()
    ask(environment.api, Way.JSON, WAITED[0], thread=turn.thread)
    waiting = environment.run_after(newest)

    for attempt in range(1, MOST_ATTEMPTS + 1):
        eventually(lambda: len(environment.calls(turn.question)), attempt.__le__, within=LAPSE_SECONDS)
        wait_for_log(environment, turn, SHOWN[Point.MIDSTREAM], attempt=attempt)
        killed_at = environment.kill("worker")
    wait_for_ends(environment, [turn], broken_at=killed_at)
    sql = f"SELECT status, attempt FROM {RUNS} WHERE id = %s"
    eventually(
        lambda: environment.rows.all(sql, waiting["id"]), lambda rows: rows == [{"status": "completed", "attempt": 1}]
    )

    outcome = observe(environment, turn, broken_at=killed_at)
    assert (outcome.run["status"], outcome.calls) == ("failed", 3)
    assert outcome.attempts == {1: "lost", 2: "lost", 3: "lost"}
    # The loss of the last attempt is not counted, as it ends the run.
    assert (outcome.run["attempt"], outcome.run["attempts_lost"]) == (3, 2)
    assert outcome.messages == [("user", turn.question)]
    assert outcome.path == [*THREAD, ("user", WAITED[0]), ("assistant", WAITED[1])]
    assert len(environment.calls(WAITED[0])) == 1
    assert outcome.next_prompt == [*outcome.path, ("user", NEXT[0])]


def test_a_frozen_worker_that_comes_back_changes_nothing(environment: ProxiedEnvironment) -> None:
    """Its turns were requeued or ended meanwhile; what it still publishes and writes is refused."""
    restarted, shown = (bring_to(environment, Point.MIDSTREAM, way) for way in (Way.JSON, Way.STREAM))
    (worker,) = environment.service.pids("worker")
    sql = f"SELECT status FROM {RUNS} WHERE id IN (%s, %s) ORDER BY id"

    frozen_at = environment.now()
    os.kill(worker, signal.SIGSTOP)
    try:
        lapsed = [{"status": "queued"}, {"status": "failed"}]
        eventually(
            lambda: environment.rows.all(sql, restarted.run["id"], shown.run["id"]), lapsed.__eq__, within=LAPSE_SECONDS
        )
    finally:
        os.kill(worker, signal.SIGCONT)
    wait_for_ends(environment, [restarted], broken_at=frozen_at)
    environment.upstream.release()
    # It ends once it has published and written all it had.
    os.kill(worker, signal.SIGTERM)
    eventually(lambda: worker in environment.service.pids("worker"), False.__eq__)

    json, stream = (observe(environment, turn, broken_at=frozen_at) for turn in (restarted, shown))
    assert json.result == completed(restarted, text=SECOND, attempts=["lost", "completed"], calls=2)
    assert stream.result == failed(shown, shown=SHOWN[Point.MIDSTREAM], attempts=["lost"], calls=1)
