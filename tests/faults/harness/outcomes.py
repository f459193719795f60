"""What became of a turn, observed from every side once it is over."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from conversations.relay import codec
from tests.fakes.replies import Json, says
from tests.faults.harness.callers import Caller, payload, read_again
from tests.faults.harness.environment import Environment
from tests.faults.harness.expectations import NEXT, Received, Result
from tests.faults.harness.points import Turn
from tests.journeys import books
from tests.journeys.clients.aichat import SSE, refusal
from tests.journeys.clients.streams import ID
from tests.journeys.rows import RUNS

# Every accepted run ends within this time, whatever died.
TERMINAL_SECONDS = 30.0
POLL_SECONDS = 0.1
# The position after which a reader comes back.
REST_AFTER = 2

IN_PROGRESS_TWICE = """
SELECT conversation_id FROM conversations_activerun
WHERE status = 'in_progress' AND conversation_id IS NOT NULL GROUP BY conversation_id HAVING count(*) > 1
"""
# A run has an active row exactly while it has not ended.
OUT_OF_STEP = """
SELECT r.id, a.run_id FROM conversations_run r FULL JOIN conversations_activerun a ON a.run_id = r.id
WHERE (r.id IS NOT NULL AND r.finished_at IS NULL) <> (a.run_id IS NOT NULL)
"""
# From the root to the head.
PATH = """
WITH RECURSIVE path AS (
  SELECT m.*, 1 AS depth FROM conversations_conversation c JOIN conversations_message m ON m.id = c.head_id
  WHERE c.id = %s
  UNION ALL
  SELECT m.*, path.depth + 1 FROM path JOIN conversations_message m ON m.id = path.parent_id
)
SELECT role, parts, run_id FROM path ORDER BY depth DESC
"""


@dataclass
class Outcome:
    """`seconds` are from the fault to the end of the run; texts come with their roles."""

    turn: Turn
    run: Json
    attempt_rows: list[Json]
    calls: int
    seconds: float
    messages: list[tuple[str, str]]
    path: list[tuple[str, str]]
    # The positions in the log of the last attempt.
    log: list[int]
    # Readers of the run's stream afterwards, from its start and from its third event. None when nothing is stored.
    from_start: Caller | None = None
    from_third: Caller | None = None
    # The vendor's call for the conversation's next question.
    next_prompt: list[tuple[str, str]] = field(default_factory=list)
    # The events of its end, and the notifications that an endpoint received, if the account has one.
    events: list[Json] = field(default_factory=list)
    notifications: list[Json] = field(default_factory=list)

    @property
    def attempts(self) -> dict[int, str]:
        return {attempt["number"]: attempt["outcome"] for attempt in self.attempt_rows}

    @property
    def counted(self) -> tuple[int, int]:
        return self.run["attempt"], self.run["attempts_lost"]

    @property
    def caller(self) -> Received | None:
        return received(self.turn.caller)

    @property
    def readers(self) -> list[Received | None]:
        return [received(reader) for reader in (self.turn.late, self.from_start) if reader]

    @property
    def is_rest_equal(self) -> bool:
        if not self.from_start or not self.from_third:
            return True
        shown = deltas(self.from_start.events)
        if not shown:
            # The one who reads from the start gets the error as a response, the other one as an event.
            start, third = received(self.from_start), received(self.from_third)
            return bool(start and third and start.error and third.error and start.error[-2:] == third.error[-2:])
        return self.from_third.events == self.from_start.events[min(REST_AFTER, len(shown)) :]

    @property
    def result(self) -> Result:
        return Result(
            status=self.run["status"],
            calls=self.calls,
            attempts=self.attempts,
            counted=self.counted,
            caller=self.caller,
            readers=self.readers,
            is_rest_equal=self.is_rest_equal,
            is_log_complete=self.log == list(range(1, len(self.log) + 1)),
            messages=self.messages,
            path=self.path,
            next_prompt=self.next_prompt,
        )


def wait_for_ends(environment: Environment, turns: Iterable[Turn], *, broken_at: float) -> None:
    """Wait until all have ended, in time.

    A conversation never has two runs in progress meanwhile, and both tables say at any moment which runs are active.
    At any moment the books balance, too.
    """
    sql = "SELECT count(*) AS n FROM conversations_run WHERE id = ANY(%s) AND finished_at IS NULL"
    run_ids = [turn.run["id"] for turn in turns]
    while environment.rows.all(sql, run_ids)[0]["n"]:
        assert environment.rows.all(IN_PROGRESS_TWICE) == []
        assert environment.rows.all(OUT_OF_STEP) == []
        books.assert_balanced(environment.rows)
        assert time.time() < broken_at + TERMINAL_SECONDS, environment.service.log
        time.sleep(POLL_SECONDS)
    books.assert_balanced(environment.rows)


def observe(environment: Environment, turn: Turn, *, broken_at: float) -> Outcome:
    for caller in (turn.caller, turn.late):
        if caller:
            caller.wait()
    (run,) = environment.rows.all(f"SELECT * FROM {RUNS} WHERE id = %s", turn.run["id"])
    outcome = Outcome(
        turn=turn,
        run=run,
        attempt_rows=environment.rows.all(
            "SELECT * FROM conversations_runattempt WHERE run_id = %s ORDER BY number", run["id"]
        ),
        calls=len(environment.calls(turn.question)),
        seconds=run["finished_at"].timestamp() - broken_at,
        messages=texts(
            environment.rows.all("SELECT * FROM conversations_message WHERE run_id = %s ORDER BY id", run["id"])
        ),
        path=texts(environment.rows.all(PATH, run["conversation_id"])),
        log=_positions(environment, run),
    )
    if turn.way.is_stored:
        outcome.from_start = _read_to_the_end(environment, run, after=0)
        outcome.from_third = _read_to_the_end(environment, run, after=REST_AFTER)
        outcome.next_prompt = ask_next(environment, turn.thread)
    return outcome


def _positions(environment: Environment, run: Json) -> list[int]:
    entries: Any = environment.valkey.xrange(codec.log_key(str(run["public_id"]), int(run["attempt"])))
    return [event.position for event in codec.load_log(entries)]


def _read_to_the_end(environment: Environment, run: Json, *, after: int) -> Caller:
    reader = read_again(environment.api, str(run["public_id"]), after=after)
    reader.wait()
    return reader


def ask_next(environment: Environment, thread: str) -> list[tuple[str, str]]:
    """Ask the conversation one more question; returns the messages that the vendor was called with."""
    before = len(environment.calls(NEXT[0]))
    environment.plan(NEXT[0], says(NEXT[1]))
    answer = environment.api.answer(NEXT[0], id=thread)
    *_, last = environment.calls(NEXT[0])
    assert (answer["answer"], len(environment.calls(NEXT[0]))) == (NEXT[1], before + 1)
    return [(message["role"], message["content"]) for message in last.messages]


def texts(messages: list[Json]) -> list[tuple[str, str]]:
    return [(message["role"], text_of(message["parts"])) for message in messages]


def text_of(parts: Any) -> str:
    return "".join(part["text"] for part in parts if part["type"] == "text")


def received(caller: Caller) -> Received | None:
    """None when the response was cut off."""
    if caller.error or caller.response is None:
        return None
    if not caller.response.headers["content-type"].startswith(SSE):
        is_answer = caller.response.status_code == 200
        return Received(caller.response.json()["answer"]) if is_answer else Received("", refusal(caller.response))
    assert caller.response.status_code == 200
    return received_in(caller.events)


def received_in(events: list[str]) -> Received:
    """The text, in rising positions, and then the one end."""
    pieces, end = deltas(events), events[len(deltas(events)) :]
    positions = [position for position, _ in pieces]
    assert positions == sorted(set(positions))
    *errors, done = map(payload, end)
    assert done is None
    text = "".join(piece for _, piece in pieces)
    if not errors:
        return Received(text)
    (last,) = errors
    assert last
    assert last["error"].keys() == {"code", "message"}
    return Received(text, (last["error"]["code"], last["error"]["message"]))


def deltas(events: list[str]) -> list[tuple[int, str]]:
    """Position and text of the events that have text."""
    found = [(ID.match(event), payload(event)) for event in events]
    return [(int(at[1]), data["delta_answer"]) for at, data in found if at and data and data["delta_answer"]]
