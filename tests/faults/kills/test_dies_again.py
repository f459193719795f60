"""A worker that is not killed once: each of its successors is too, or it was only frozen and comes back."""

import os
import signal

import pytest

from conversations.models.runs.workers import LEASE_SECONDS
from tests.fakes.replies import says
from tests.faults.harness import expectations
from tests.faults.harness.callers import Way, ask
from tests.faults.harness.environment import GatedStage
from tests.faults.harness.expectations import BEGUN_ANEW, THREAD, Promise, kept
from tests.faults.harness.outcomes import look, wait_for_ends
from tests.faults.harness.points import REPLIES, SHOWN, Point, bring_to, wait_for_log
from tests.journeys.clients.aichat import eventually

pytestmark = pytest.mark.faults

# RUN_MAX_ATTEMPTS, which is the service's own default.
MOST_ATTEMPTS = 3
GIVEN_UP = Promise("failed", ("lost",) * MOST_ATTEMPTS, MOST_ATTEMPTS, SHOWN[Point.MIDSTREAM])
WAITED = ("Does this wait?", "It did.")
# A lease, a sweep, and a slow machine.
LAPSE_SECONDS = LEASE_SECONDS + 12.0


def test_a_turn_is_given_up_when_its_workers_keep_dying(stage: GatedStage) -> None:
    """And the message that waited behind it is answered."""
    turn = bring_to(stage, Point.MIDSTREAM, Way.JSON)
    stage.plans[turn.question].clear()
    stage.plan(turn.question, *[REPLIES[Point.MIDSTREAM]] * (MOST_ATTEMPTS - 1))
    stage.plan(WAITED[0], says(WAITED[1]))
    newest = stage.newest_run()
    ask(stage.api, Way.JSON, WAITED[0], thread=turn.thread)
    waiting = stage.run_after(newest)

    for attempt in range(1, MOST_ATTEMPTS + 1):
        eventually(lambda: len(stage.calls(turn.question)), attempt.__le__, within=LAPSE_SECONDS)
        wait_for_log(stage, turn, SHOWN[Point.MIDSTREAM], attempt=attempt)
        killed_at = stage.kill("worker")
    wait_for_ends(stage, [turn], broken_at=killed_at)
    sql = "SELECT status, attempt FROM conversations_run WHERE id = %s"
    eventually(lambda: stage.rows.all(sql, waiting["id"]), lambda rows: rows == [{"status": "completed", "attempt": 1}])

    outcome = look(stage, turn, broken_at=killed_at)
    expectations.assert_ended(outcome, GIVEN_UP)
    expectations.assert_attempts(outcome, GIVEN_UP)
    assert outcome.said == [("user", turn.question)]
    assert outcome.path == [*THREAD, ("user", WAITED[0]), ("assistant", WAITED[1])]
    assert len(stage.calls(WAITED[0])) == 1
    expectations.assert_goes_on(outcome)


def test_a_frozen_worker_that_comes_back_changes_nothing(stage: GatedStage) -> None:
    """Its turns were put back or ended meanwhile; what it still says and writes of them is too late."""
    anew, shown = (bring_to(stage, Point.MIDSTREAM, way) for way in (Way.JSON, Way.STREAM))
    (worker,) = stage.service.pids("worker")
    sql = "SELECT status FROM conversations_run WHERE id IN (%s, %s) ORDER BY id"

    frozen_at = stage.now()
    os.kill(worker, signal.SIGSTOP)
    try:
        lapsed = [{"status": "queued"}, {"status": "failed"}]
        eventually(lambda: stage.rows.all(sql, anew.run["id"], shown.run["id"]), lapsed.__eq__, within=LAPSE_SECONDS)
    finally:
        os.kill(worker, signal.SIGCONT)
    wait_for_ends(stage, [anew], broken_at=frozen_at)
    stage.upstream.release()
    # It leaves when it has said and written all that it had.
    os.kill(worker, signal.SIGTERM)
    eventually(lambda: worker in stage.service.pids("worker"), False.__eq__)

    expectations.assert_all(look(stage, anew, broken_at=frozen_at), BEGUN_ANEW)
    expectations.assert_all(look(stage, shown, broken_at=frozen_at), kept(SHOWN[Point.MIDSTREAM]))
