"""A row that the database refuses, at every point where a turn or a delivery writes.

The rule: the run ends, once and at once, failed and without its answer; its conversation goes on; nobody else notices;
no process has to be started again; and the log says it once, without a word of what was said.
"""

import pytest
import requests

from tests.fakes.replies import Reply, says
from tests.faults.harness.callers import Way, ask
from tests.faults.harness.environment import GatedStage
from tests.faults.harness.expectations import THREAD
from tests.faults.harness.refusals import (
    ANSWER,
    ATTEMPT,
    CANCEL,
    CANCELLED,
    CLAIM,
    FINISH,
    FORGET,
    KEEP,
    MARK,
    PUT_BACK,
    START,
    Refused,
)
from tests.faults.harness.refused_turns import (
    AT_ONCE_SECONDS,
    NOT_STORED,
    NOT_TAKEN,
    PIECES,
    RECOVERY_SECONDS,
    SAYS,
    Log,
    assert_failed_bare,
    assert_told_so,
    begin,
    ending,
    refused,
)
from tests.journeys.clients.aichat import eventually, new_id
from tests.journeys.clients.webhooks import call

CHEAP = ((FINISH, Way.JSON), (ANSWER, Way.STREAM), (CLAIM, Way.JSON))
ENDS = [
    *((FINISH, way) for way in Way if way is not Way.ATTACHED),
    *((point, way) for point in (ANSWER, ATTEMPT, CLAIM) for way in (Way.JSON, Way.STREAM)),
]


@pytest.mark.parametrize(
    ("point", "way"),
    [pytest.param(*case, marks=[] if case in CHEAP else pytest.mark.faults) for case in ENDS],
    ids=str,
)
def test_a_refused_end_is_an_end_all_the_same(stage: GatedStage, point: Refused, way: Way) -> None:
    log = Log(stage)
    with refused(stage, point):
        broken_at = stage.now()
        outcome = ending(stage, begin(stage, way), broken_at=broken_at)

    message = NOT_TAKEN if point is CLAIM else NOT_STORED
    attempts = [] if point is CLAIM else ["failed"]
    assert_failed_bare(outcome, *attempts, message=message)
    assert_told_so(outcome, message=message)
    assert outcome.seconds < AT_ONCE_SECONDS
    assert outcome.calls == (0 if point is CLAIM else 1)
    if point is ATTEMPT:
        # That was the vendor's id in it; what is left of the attempt is written.
        assert [attempt["upstream_request_id"] for attempt in outcome.attempts] == [""]
    log.assert_one_line("claim" if point is CLAIM else "end")


@pytest.mark.faults
def test_an_attempt_that_cannot_be_put_back_ends_its_run(stage: GatedStage) -> None:
    """The vendor broke off in the middle; nobody saw a word, so it would have been begun anew."""
    log = Log(stage)
    with refused(stage, PUT_BACK):
        broken_at = stage.now()
        outcome = ending(stage, begin(stage, Way.JSON, SAYS.cut_after(1 + 1)), broken_at=broken_at)

    assert_failed_bare(outcome, "failed")
    assert_told_so(outcome)
    log.assert_one_line("end")


@pytest.mark.faults
@pytest.mark.parametrize(
    ("point", "way", "reply"),
    [(PUT_BACK, Way.JSON, SAYS.silent()), (KEEP, Way.STREAM, SAYS.stalled_after(1 + 2))],
    ids=str,
)
def test_a_dead_workers_run_that_cannot_be_recovered_keeps_no_other_from_it(
    stage: GatedStage, point: Refused, way: Way, reply: Reply
) -> None:
    log = Log(stage)
    with refused(stage, point):
        turn = begin(stage, way, reply)
        eventually(lambda: len(stage.calls(turn.question)), lambda calls: calls == 1)
        if way.is_stream:
            eventually(lambda: turn.caller.said, lambda said: said == "".join(PIECES[:2]))
        # Found after it, and by the same sweep.
        stage.plan("And I?", says("Never").silent(), says("You too."))
        other = ask(stage.api, Way.JSON, "And I?", thread=new_id())
        eventually(lambda: len(stage.calls("And I?")), lambda calls: calls == 1)
        killed_at = stage.kill("worker")
        outcome = ending(stage, turn, broken_at=killed_at)
        answered = other.wait()

    assert_failed_bare(outcome, "lost")
    assert_told_so(outcome)
    assert outcome.seconds < RECOVERY_SECONDS
    assert answered is not None
    assert answered.json()["answer"] == "You too."
    log.assert_lines("recover")


@pytest.mark.faults
def test_a_cancelled_run_whose_end_is_refused_is_over(stage: GatedStage) -> None:
    log = Log(stage)
    with refused(stage, CANCELLED):
        turn = begin(stage, Way.STREAM, SAYS.stalled_after(1 + 1))
        eventually(lambda: turn.caller.said, lambda said: said == PIECES[0])
        broken_at = stage.now()
        call(stage.api, "POST", f"runs/{turn.run['public_id']}/cancel")
        outcome = ending(stage, turn, broken_at=broken_at)

    assert_failed_bare(outcome, "failed")
    assert_told_so(outcome)
    log.assert_one_line("end")


@pytest.mark.faults
def test_a_cancel_that_is_refused_leaves_the_run_as_it_is(stage: GatedStage) -> None:
    log = Log(stage)
    with refused(stage, CANCEL):
        turn = begin(stage, Way.JSON, SAYS.silent())
        eventually(lambda: len(stage.calls(turn.question)), lambda calls: calls == 1)
        url = f"{stage.api.base_url}/api/v1/runs/{turn.run['public_id']}/cancel"
        declined = requests.post(url, headers=stage.api.headers, timeout=30)
        stage.upstream.release()
        outcome = ending(stage, turn, broken_at=stage.now())

    assert declined.status_code >= 500
    assert (outcome.run["status"], outcome.run["cancel_requested_at"]) == ("completed", None)
    assert outcome.path == [*THREAD, ("user", turn.question), ("assistant", "".join(PIECES))]
    log.assert_silent_of_text()


@pytest.mark.faults
def test_a_turn_that_cannot_be_stored_leaves_nothing(stage: GatedStage) -> None:
    log, counts, newest = Log(stage), stage.rows.counts(), stage.newest_run()
    with refused(stage, START):
        response = ask(stage.api, Way.JSON, f"Store {MARK}", thread=new_id(), key="refused").wait()

    assert response is not None
    assert response.status_code >= 400
    assert (stage.rows.counts(), stage.newest_run()) == (counts, newest)
    assert stage.rows.all("SELECT * FROM conversations_idempotencykey WHERE key = 'refused'") == []
    log.assert_silent_of_text()


@pytest.mark.faults
def test_what_cannot_be_forgotten_keeps_nothing_else(stage: GatedStage) -> None:
    log, sql = Log(stage), "SELECT request IS NULL AS is_forgotten FROM conversations_run WHERE id = %s"
    with refused(stage, FORGET):
        stage.plan("Forget me", says("Gone."))
        turn = begin(stage, Way.UNSTORED)
        turn.caller.wait()
        newest = stage.newest_run()
        ask(stage.api, Way.UNSTORED, "Forget me", thread="").wait()
        other = stage.run_after(newest)
        eventually(lambda: stage.rows.all(sql, other["id"]), lambda rows: rows == [{"is_forgotten": True}])
        eventually(lambda: log.errors, bool)

    assert stage.rows.all(sql, turn.run["id"]) == [{"is_forgotten": False}]
    log.assert_one_line("forget_runs")
