"""A row that the database refuses, at every point where a turn or a delivery writes one.

The rule: the run ends once, at once, failed and without its answer. Its conversation goes on, nobody else notices, no
process is restarted, and the error is logged once, without any text of the turn.
"""

import pytest
import requests

from tests.fakes.replies import Reply, says
from tests.faults.harness.callers import Way, ask
from tests.faults.harness.environment import ProxiedEnvironment
from tests.faults.harness.expectations import THREAD, failed
from tests.faults.harness.refusals import (
    ANSWER,
    ATTEMPT,
    CANCEL,
    CLAIM,
    ERASE,
    FAIL_LOST,
    FINISH,
    FINISH_CANCELLED,
    MARK,
    REQUEUE,
    START,
    Refused,
)
from tests.faults.harness.refused_turns import (
    ANSWER_TEXT,
    AT_ONCE_SECONDS,
    NOT_STORED,
    NOT_TAKEN,
    PIECES,
    RECOVERY_SECONDS,
    SAYS,
    Log,
    begin,
    failed_row,
    outcome_of,
    refused,
    without_answer,
)
from tests.journeys.clients.aichat import new_id
from tests.journeys.clients.webhooks import call
from tests.waiting import eventually

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
def test_a_run_whose_end_is_refused_still_ends(environment: ProxiedEnvironment, point: Refused, way: Way) -> None:
    log = Log(environment)
    with refused(environment, point):
        broken_at = environment.now()
        turn = begin(environment, way)
        outcome = outcome_of(environment, turn, broken_at=broken_at)

    if point is CLAIM:
        assert failed_row(outcome) == without_answer(NOT_TAKEN)
        assert outcome.result == failed(turn, shown="", attempts=[], calls=0, message=NOT_TAKEN)
    else:
        assert failed_row(outcome) == without_answer(NOT_STORED)
        assert outcome.result == failed(turn, shown=ANSWER_TEXT, attempts=["failed"], calls=1, message=NOT_STORED)
    assert outcome.seconds < AT_ONCE_SECONDS
    if point is ATTEMPT:
        # The refusal was for the vendor's id in it; the attempt is written without.
        assert [attempt["upstream_request_id"] for attempt in outcome.attempt_rows] == [""]
    log.assert_one_line("claim" if point is CLAIM else "end")


@pytest.mark.faults
def test_a_run_that_cannot_be_requeued_ends(environment: ProxiedEnvironment) -> None:
    """The vendor's connection broke after a piece that nobody read, so the run would have been restarted."""
    log = Log(environment)
    with refused(environment, REQUEUE):
        broken_at = environment.now()
        turn = begin(environment, Way.JSON, SAYS.cut_after(1 + 1))
        outcome = outcome_of(environment, turn, broken_at=broken_at)

    assert failed_row(outcome) == without_answer(NOT_STORED)
    assert outcome.result == failed(turn, shown=PIECES[0], attempts=["failed"], calls=1, message=NOT_STORED)
    log.assert_one_line("end")


@pytest.mark.faults
@pytest.mark.parametrize(
    ("point", "way", "reply", "shown"),
    [
        (REQUEUE, Way.JSON, SAYS.silent(), ""),
        (FAIL_LOST, Way.STREAM, SAYS.stalled_after(1 + 2), "".join(PIECES[:2])),
    ],
    ids=["requeue", "end of a lost run"],
)
def test_a_run_that_cannot_be_recovered_delays_no_other_recovery(
    environment: ProxiedEnvironment, point: Refused, way: Way, reply: Reply, shown: str
) -> None:
    log = Log(environment)
    with refused(environment, point):
        turn = begin(environment, way, reply)
        eventually(lambda: len(environment.calls(turn.question)), lambda calls: calls == 1)
        eventually(lambda: turn.caller.text, lambda text: text == shown)
        # The same sweep finds this run after the first.
        environment.plan("And I?", says("Never").silent(), says("You too."))
        other = ask(environment.api, Way.JSON, "And I?", thread=new_id())
        eventually(lambda: len(environment.calls("And I?")), lambda calls: calls == 1)
        killed_at = environment.kill("worker")
        outcome = outcome_of(environment, turn, broken_at=killed_at)
        answered = other.wait()

    assert failed_row(outcome) == without_answer(NOT_STORED)
    assert outcome.result == failed(turn, shown=shown, attempts=["lost"], calls=1, message=NOT_STORED)
    assert outcome.seconds < RECOVERY_SECONDS
    assert answered is not None
    assert answered.json()["answer"] == "You too."
    log.assert_lines("recover")


@pytest.mark.faults
def test_a_cancelled_run_whose_end_is_refused_fails(environment: ProxiedEnvironment) -> None:
    log = Log(environment)
    with refused(environment, FINISH_CANCELLED):
        turn = begin(environment, Way.STREAM, SAYS.stalled_after(1 + 1))
        eventually(lambda: turn.caller.text, lambda text: text == PIECES[0])
        broken_at = environment.now()
        call(environment.api, "POST", f"runs/{turn.run['public_id']}/cancel")
        outcome = outcome_of(environment, turn, broken_at=broken_at)

    assert failed_row(outcome) == without_answer(NOT_STORED)
    assert outcome.result == failed(turn, shown=PIECES[0], attempts=["failed"], calls=1, message=NOT_STORED)
    log.assert_one_line("end")


@pytest.mark.faults
def test_a_cancel_that_is_refused_leaves_the_run_as_it_is(environment: ProxiedEnvironment) -> None:
    log = Log(environment)
    with refused(environment, CANCEL):
        turn = begin(environment, Way.JSON, SAYS.silent())
        eventually(lambda: len(environment.calls(turn.question)), lambda calls: calls == 1)
        url = f"{environment.api.base_url}/api/v1/runs/{turn.run['public_id']}/cancel"
        declined = requests.post(url, headers=environment.api.headers, timeout=30)
        environment.upstream.release()
        outcome = outcome_of(environment, turn, broken_at=environment.now())

    assert declined.status_code >= 500
    assert (outcome.run["status"], outcome.run["cancel_requested_at"]) == ("completed", None)
    assert outcome.path == [*THREAD, ("user", turn.question), ("assistant", ANSWER_TEXT)]
    log.assert_no_text()


@pytest.mark.faults
def test_a_turn_that_cannot_be_stored_leaves_nothing(environment: ProxiedEnvironment) -> None:
    log, counts, newest = Log(environment), environment.rows.counts(), environment.newest_run()
    with refused(environment, START):
        response = ask(environment.api, Way.JSON, f"Store {MARK}", thread=new_id(), key="refused").wait()

    assert response is not None
    assert response.status_code >= 400
    assert (environment.rows.counts(), environment.newest_run()) == (counts, newest)
    assert environment.rows.all("SELECT * FROM conversations_idempotencykey WHERE key = 'refused'") == []
    log.assert_no_text()


@pytest.mark.faults
def test_a_request_that_cannot_be_erased_delays_no_other(environment: ProxiedEnvironment) -> None:
    log, sql = Log(environment), "SELECT request IS NULL AS is_erased FROM conversations_run WHERE id = %s"
    with refused(environment, ERASE):
        environment.plan("Erase me", says("Gone."))
        turn = begin(environment, Way.UNSTORED)
        turn.caller.wait()
        newest = environment.newest_run()
        ask(environment.api, Way.UNSTORED, "Erase me", thread="").wait()
        other = environment.run_after(newest)
        eventually(lambda: environment.rows.all(sql, other["id"]), lambda rows: rows == [{"is_erased": True}])
        eventually(lambda: log.errors, bool)

    assert environment.rows.all(sql, turn.run["id"]) == [{"is_erased": False}]
    log.assert_one_line("erase_runs")
