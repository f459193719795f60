"""Turns with a row that the database refuses, and what the log says about it."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conversations.models.runs.workers import LEASE_SECONDS
from tests.fakes.refused_rows import refusing
from tests.fakes.replies import Json, Reply, says
from tests.faults.harness.callers import Way, ask
from tests.faults.harness.environment import ProxiedEnvironment
from tests.faults.harness.outcomes import Outcome, observe, wait_for_ends
from tests.faults.harness.points import BEFORE, Point, Turn
from tests.faults.harness.refusals import CALL_ID, MARK, Refused
from tests.journeys.clients.aichat import new_id
from tests.waiting import eventually

# Before its worker could be taken for dead.
AT_ONCE_SECONDS = LEASE_SECONDS
RECOVERY_SECONDS = 20.0
PIECES = ("Between us: ", MARK, ".")
ANSWER_TEXT = "".join(PIECES)
SAYS = says(*PIECES).delayed(0.06).with_headers(x_request_id=CALL_ID)
NOT_STORED = "The answer could not be stored."
NOT_TAKEN = "The question could not be taken up."


class Log:
    """What the service and the database server have logged since this was made."""

    def __init__(self, environment: ProxiedEnvironment) -> None:
        self._environment = environment
        self._server = Path(os.environ["DATA_DIR"]) / "servers.log"
        self._begun = len(environment.service.log), self._server_log_size(0)
        self._pids = self._running()

    def _server_log_size(self, begin: int) -> int:
        return len(self._server.read_text(errors="replace")[begin:]) if self._server.exists() else 0

    def _running(self) -> dict[str, list[int]]:
        return {role: self._environment.service.pids(role) for role in ("web", "worker", "upkeep")}

    @property
    def errors(self) -> list[str]:
        lines = self._environment.service.log[self._begun[0] :].splitlines()
        return [line for line in lines if "level=error" in line or "Traceback" in line]

    def assert_one_line(self, step: str) -> None:
        """One error, at that step, without any text of the turn; and no process was restarted."""
        self.assert_lines(step)
        assert self._running() == self._pids

    @property
    def steps(self) -> list[str]:
        """The step of each error; the whole line of an error without one."""
        return [next(iter(re.findall(r" step=(\w+) ", line)), line) for line in self.errors]

    def assert_lines(self, *steps: str) -> None:
        assert eventually(lambda: self.steps, lambda found: len(found) >= len(steps)) == [*steps]
        self.assert_no_text()

    def assert_no_text(self) -> None:
        assert MARK not in self._environment.service.log[self._begun[0] :]
        if self._server.exists():
            assert MARK not in self._server.read_text(errors="replace")[self._begun[1] :]


@contextmanager
def refused(environment: ProxiedEnvironment, point: Refused) -> Iterator[None]:
    with refusing(environment.rows.change, point.table, point.what, when=point.when):
        yield


def begin(environment: ProxiedEnvironment, way: Way, reply: Reply = SAYS, *, calls: int = 1) -> Turn:
    """A turn that has been accepted. Its conversation, if it has one, has one turn before it."""
    question, thread = f"{way.value} {MARK} {new_id()}?", new_id()
    environment.plan(question, *[reply] * calls)
    if way.is_stored:
        environment.plan(BEFORE[0], says(BEFORE[1]))
        assert environment.api.answer(BEFORE[0], id=thread)["answer"] == BEFORE[1]
    newest = environment.newest_run()
    caller = ask(environment.api, way, question, thread=thread)
    return Turn(Point.ASKED, way, question, thread, environment.run_after(newest), caller)


def outcome_of(environment: ProxiedEnvironment, turn: Turn, *, broken_at: float) -> Outcome:
    """What became of a turn, observed while the service answers others."""
    wait_for_ends(environment, [turn], broken_at=broken_at)
    outcome = observe(environment, turn, broken_at=broken_at)
    environment.plan("A neighbour?", says("Unharmed."))
    assert environment.api.answer("A neighbour?")["answer"] == "Unharmed."
    return outcome


def failed_row(outcome: Outcome) -> Json:
    """What the run's row says of a failure."""
    columns = ("status", "error_code", "error_message", "answer", "usage", "error_facts")
    return {name: outcome.run[name] for name in columns}


def without_answer(message: str) -> Json:
    """The row of a run that failed for a refused row, without its answer."""
    return {
        "status": "failed",
        "error_code": "internal_error",
        "error_message": message,
        "answer": None,
        "usage": None,
        "error_facts": None,
    }
