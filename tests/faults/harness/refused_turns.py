"""A turn beside a row that the database refuses: begun, looked at, and what the log says of it."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conversations.models.runs.workers import LEASE_SECONDS
from tests.fakes.replies import Reply, says
from tests.faults.harness.callers import Way, ask, payload
from tests.faults.harness.environment import GatedStage
from tests.faults.harness.expectations import THREAD, assert_goes_on, deltas
from tests.faults.harness.outcomes import Outcome, look, wait_for_ends
from tests.faults.harness.points import BEFORE, Point, Turn
from tests.faults.harness.refusals import CALL_ID, MARK, Refused
from tests.journeys.clients.aichat import eventually, new_id, refusal
from tests.refusing import refusing

# Before anybody could take its worker for dead.
AT_ONCE_SECONDS = LEASE_SECONDS
RECOVERY_SECONDS = 20.0
PIECES = ("Between us: ", MARK, ".")
SAYS = says(*PIECES).delayed(0.06).with_headers(x_request_id=CALL_ID)
NOT_STORED = "The answer could not be stored."
NOT_TAKEN = "The question could not be taken up."


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
