"""A row that the database refuses, at every point where a turn or a delivery writes.

The rule: the run ends, once and at once, failed and without its answer; its conversation goes on; nobody else notices;
no process has to be started again; and the log says it once, without a word of what was said.
"""

import copy
import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from conversations.models.workers import LEASE_SECONDS
from tests.fakes import receiver as fake
from tests.fakes.receiver import Receiver
from tests.fakes.replies import Reply, says
from tests.faults.callers import Way, ask, payload
from tests.faults.outcomes import Outcome, look, wait_for_ends
from tests.faults.points import BEFORE, Point, Turn
from tests.faults.promises import THREAD, assert_goes_on, deltas
from tests.faults.refusals import (
    ANSWER,
    ANY_REPORT,
    ATTEMPT,
    CALL_ID,
    CANCEL,
    CANCELLED,
    CLAIM,
    CLAIM_DELIVERY,
    FINISH,
    FORGET,
    KEEP,
    MARK,
    OWE,
    PUT_BACK,
    RECORD,
    REPORT,
    SETTLE,
    START,
    Refused,
)
from tests.faults.stage import GatedStage
from tests.faults.watching import watching
from tests.journeys import asking
from tests.journeys.asking import eventually, new_id, refusal
from tests.journeys.being_told import call, ledger, make
from tests.refusing import refusing

# Before anybody could take its worker for dead.
AT_ONCE_SECONDS = LEASE_SECONDS
RECOVERY_SECONDS = 20.0
PIECES = ("Between us: ", MARK, ".")
SAYS = says(*PIECES).delayed(0.06).with_headers(x_request_id=CALL_ID)
NOT_STORED = "The answer could not be stored."
NOT_TAKEN = "The question could not be taken up."
CHEAP = ((FINISH, Way.JSON), (ANSWER, Way.STREAM), (CLAIM, Way.JSON))
ENDS = [
    *((FINISH, way) for way in Way if way is not Way.ATTACHED),
    *((point, way) for point in (ANSWER, ATTEMPT, CLAIM) for way in (Way.JSON, Way.STREAM)),
]


class Log:
    """What the service, and the database server, have said since this was made."""

    def __init__(self, stage: GatedStage) -> None:
        self._stage = stage
        self._server = Path(os.environ["DATA_DIR"]) / "servers.log"
        self._begun = len(stage.service.log), self._said_by_server(0)
        self._pids = self._running()

    def _said_by_server(self, begin: int) -> int:
        return len(self._server.read_text(errors="replace")[begin:]) if self._server.exists() else 0

    def _running(self) -> dict[str, list[int]]:
        return {role: self._stage.service.pids(role) for role in ("web", "worker", "upkeep")}

    @property
    def errors(self) -> list[str]:
        lines = self._stage.service.log[self._begun[0] :].splitlines()
        return [line for line in lines if "level=error" in line or "Traceback" in line]

    def assert_one_line(self, step: str) -> None:
        """One error, at that step, and nothing of what was said; and nobody had to be started again."""
        self.assert_lines(step)
        assert self._running() == self._pids

    @property
    def steps(self) -> list[str]:
        """Of each error the step at which it was; the whole line of one without any."""
        return [next(iter(re.findall(r" step=(\w+) ", line)), line) for line in self.errors]

    def assert_lines(self, *steps: str) -> None:
        assert eventually(lambda: self.steps, lambda said: len(said) >= len(steps)) == [*steps]
        self.assert_silent_of_text()

    def assert_silent_of_text(self) -> None:
        assert MARK not in self._stage.service.log[self._begun[0] :]
        if self._server.exists():
            assert MARK not in self._server.read_text(errors="replace")[self._begun[1] :]


@contextmanager
def refused(stage: GatedStage, point: Refused) -> Iterator[None]:
    with refusing(stage.rows.change, point.table, point.what, when=point.when):
        yield


def begin(stage: GatedStage, way: Way, reply: Reply = SAYS, *, calls: int = 1) -> Turn:
    """A turn that is under way. Its conversation, if any, has one turn before it."""
    question, thread = f"{way.value} {MARK} {new_id()}?", new_id()
    stage.plan(question, *[reply] * calls)
    if way.is_stored:
        stage.plan(BEFORE[0], says(BEFORE[1]))
        assert stage.api.answer(BEFORE[0], id=thread)["answer"] == BEFORE[1]
    newest = stage.newest_run()
    caller = ask(stage.api, way, question, thread=thread)
    return Turn(Point.ASKED, way, question, thread, stage.run_after(newest), caller)


def ending(stage: GatedStage, turn: Turn, *, broken_at: float) -> Outcome:
    """What came of it, looked at while others go on."""
    wait_for_ends(stage, [turn], broken_at=broken_at)
    outcome = look(stage, turn, broken_at=broken_at)
    stage.plan("A neighbour?", says("Unharmed."))
    assert stage.api.answer("A neighbour?")["answer"] == "Unharmed."
    return outcome


def assert_failed_bare(outcome: Outcome, *attempts: str, message: str = NOT_STORED) -> None:
    run = outcome.run
    assert (run["status"], run["error_code"], run["error_message"]) == ("failed", "internal_error", message)
    assert (run["answer"], run["usage"], run["error_facts"]) == (None, None, None)
    assert [attempt["outcome"] for attempt in outcome.attempts] == [*attempts]
    is_stored = outcome.turn.way.is_stored
    assert outcome.said == ([("user", outcome.turn.question)] if is_stored else [])
    assert outcome.path == (THREAD if is_stored else [])
    assert_goes_on(outcome)


def assert_told_so(outcome: Outcome, *, message: str = NOT_STORED) -> None:
    """Its asker, and whoever reads it later."""
    response = outcome.turn.caller.response
    assert response is not None
    if response.headers["content-type"] == "application/json":
        assert refusal(response) == (500, "api_error", message)
    else:
        assert_stream_failed(outcome.turn.caller.events, message)
    if outcome.whole:
        later = outcome.whole.response
        assert later is not None
        if later.status_code == 200:
            assert_stream_failed(outcome.whole.events, message)
        else:
            assert refusal(later) == (500, "api_error", message)


def assert_stream_failed(events: list[str], message: str) -> None:
    error, done = events[len(deltas(events)) :]
    assert (payload(error) or {})["error"] == {"code": "api_error", "message": message}
    assert done == "data: [DONE]"


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


@pytest.fixture(scope="module")
def own_stage(gated_stage: GatedStage) -> Iterator[GatedStage]:
    """The same service for an account of our own: one that ever had an endpoint ends its turns by other statements."""
    service = copy.copy(gated_stage.service)
    service.api_key = asking.manage(service, "create_key", "--account", "told of refusals").strip()
    with closing(replace(gated_stage, service=service)) as stage:
        yield stage


@pytest.fixture
def told_stage(stage: GatedStage, own_stage: GatedStage) -> GatedStage:
    """It, begun anew."""
    own_stage.plans = stage.plans
    return own_stage


@pytest.mark.faults
@pytest.mark.parametrize("way", [Way.JSON, Way.STREAM], ids=str)
def test_an_end_that_cannot_be_reported_with_its_answer_is_reported_as_failed(told_stage: GatedStage, way: Way) -> None:
    log = Log(told_stage)
    with watching(told_stage) as watch:
        with refused(told_stage, REPORT):
            outcome = ending(told_stage, begin(told_stage, way), broken_at=told_stage.now())
        told, events = watch.told_of(outcome.run), watch.events_of(outcome.run)

    assert_failed_bare(outcome, "failed")
    assert_told_so(outcome)
    assert [event["type"] for event in events] == ["run.failed"]
    assert [(one["type"], one["data"]["status"], one["data"]["answer"]) for one in told] == [
        ("run.failed", "failed", None)
    ]
    log.assert_one_line("end")


@pytest.mark.faults
@pytest.mark.parametrize("point", [ANY_REPORT, OWE], ids=str)
def test_an_end_that_cannot_be_reported_at_all_is_an_end(told_stage: GatedStage, point: Refused) -> None:
    log = Log(told_stage)
    with watching(told_stage) as watch:
        with refused(told_stage, point):
            turn = begin(told_stage, Way.UNSTORED)
            wait_for_ends(told_stage, [turn], broken_at=told_stage.now())
            turn.caller.wait()
        outcome = ending(told_stage, turn, broken_at=told_stage.now())
        events = watch.events_of(outcome.run)

    assert_failed_bare(outcome, "failed")
    assert_told_so(outcome)
    assert events == []
    log.assert_lines("end", "report_end")


@pytest.mark.faults
@pytest.mark.parametrize(
    ("point", "status", "attempts", "steps"),
    [
        (CLAIM_DELIVERY, "failed", [], ["claim_delivery"]),
        (RECORD, "succeeded", [(200, "")], ["record_delivery"]),
        (SETTLE, "pending", [], ["record_delivery", "attempt_delivery"]),
    ],
    ids=str,
)
def test_a_delivery_that_cannot_be_written_down_delays_no_other(
    told_stage: GatedStage, point: Refused, status: str, attempts: list[tuple[int, str]], steps: list[str]
) -> None:
    log = Log(told_stage)
    with Receiver() as receiver, Receiver() as bystander:
        receiver.default = fake.answers(200, MARK.encode())
        marked = make(told_stage.api, f"{receiver.url}?{MARK}", "run.completed")
        other = make(told_stage.api, bystander.url, "run.completed")
        with refused(told_stage, point):
            told_stage.plan("Who hears?", says("Both."))
            told_stage.api.answer("Who hears?", id=new_id())
            (arrived,) = eventually(
                lambda: ledger(told_stage.api, endpoint=other["id"]), lambda all_: all_[0]["status"] == "succeeded"
            )
            eventually(lambda: log.steps, lambda said: said == steps)
            (delivery,) = eventually(
                lambda: ledger(told_stage.api, endpoint=marked["id"]), lambda all_: all_[0]["status"] == status
            )
        for endpoint in (marked, other):
            call(told_stage.api, "DELETE", f"webhook_endpoints/{endpoint['id']}")

    assert [(one["http_status"], one["response"]) for one in delivery["attempts"]] == attempts
    assert [one["http_status"] for one in arrived["attempts"]] == [200]
    assert len(receiver.requests) == (0 if point is CLAIM_DELIVERY else 1)
    log.assert_lines(*steps)
