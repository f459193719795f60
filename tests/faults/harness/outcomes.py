"""What came of a turn, looked at from every side once it is over."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from conversations.relay import codec
from tests.fakes.replies import says
from tests.faults.harness.callers import Caller, read_again
from tests.faults.harness.environment import Stage
from tests.faults.harness.points import Turn
from tests.journeys.clients.aichat import Json

# Promised: every accepted run ends within this time, whatever died.
TERMINAL_SECONDS = 30.0
LOOK_SECONDS = 0.1
NEXT = ("And now?", "Goes on.")
REST_AFTER = 2

IN_PROGRESS_TWICE = """
SELECT conversation_id FROM conversations_run
WHERE status = 'in_progress' AND conversation_id IS NOT NULL GROUP BY conversation_id HAVING count(*) > 1
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
    """`seconds` are from the fault to the run's end; `said` are its messages, `path` its thread, as role and text."""

    turn: Turn
    run: Json
    attempts: list[Json]
    calls: int
    seconds: float
    said: list[tuple[str, str]]
    path: list[tuple[str, str]]
    # The positions of the last attempt's log.
    log: list[int]
    # Who reads the run's stream afterwards, from its start and from its third event; None for one that nothing stores.
    whole: Caller | None = None
    rest: Caller | None = None
    # What the vendor was told with the conversation's next question.
    told_next: list[Json] = field(default_factory=list)
    # Of its end: the events there are, and what an endpoint was told, if the account has one.
    events: list[Json] = field(default_factory=list)
    told: list[Json] = field(default_factory=list)


def wait_for_ends(stage: Stage, turns: Iterable[Turn], *, broken_at: float) -> None:
    """Until all have ended, for at most as long as is promised. Never has a conversation two runs in progress."""
    sql = "SELECT count(*) AS n FROM conversations_run WHERE id = ANY(%s) AND finished_at IS NULL"
    run_ids = [turn.run["id"] for turn in turns]
    while stage.rows.all(sql, run_ids)[0]["n"]:
        assert stage.rows.all(IN_PROGRESS_TWICE) == []
        assert time.time() < broken_at + TERMINAL_SECONDS, stage.service.log
        time.sleep(LOOK_SECONDS)


def look(stage: Stage, turn: Turn, *, broken_at: float) -> Outcome:
    for caller in (turn.caller, turn.late):
        if caller:
            caller.wait()
    (run,) = stage.rows.all("SELECT * FROM conversations_run WHERE id = %s", turn.run["id"])
    outcome = Outcome(
        turn=turn,
        run=run,
        attempts=stage.rows.all("SELECT * FROM conversations_runattempt WHERE run_id = %s ORDER BY number", run["id"]),
        calls=len(stage.calls(turn.question)),
        seconds=run["finished_at"].timestamp() - broken_at,
        said=texts(stage.rows.all("SELECT * FROM conversations_message WHERE run_id = %s ORDER BY id", run["id"])),
        path=texts(stage.rows.all(PATH, run["conversation_id"])),
        log=_positions(stage, run),
    )
    if turn.way.is_stored:
        outcome.whole = _read_to_the_end(stage, run, after=0)
        outcome.rest = _read_to_the_end(stage, run, after=REST_AFTER)
        outcome.told_next = go_on(stage, turn.thread)
    return outcome


def _positions(stage: Stage, run: Json) -> list[int]:
    entries: Any = stage.valkey.xrange(codec.log_key(str(run["public_id"]), int(run["attempt"])))
    return [event.position for event in codec.load_log(entries)]


def _read_to_the_end(stage: Stage, run: Json, *, after: int) -> Caller:
    reader = read_again(stage.api, str(run["public_id"]), after=after)
    reader.wait()
    return reader


def go_on(stage: Stage, thread: str) -> list[Json]:
    """Ask the conversation one thing more; what the vendor was told then."""
    before = len(stage.calls(NEXT[0]))
    stage.plan(NEXT[0], says(NEXT[1]))
    answer = stage.api.answer(NEXT[0], id=thread)
    *_, last = stage.calls(NEXT[0])
    assert (answer["answer"], len(stage.calls(NEXT[0]))) == (NEXT[1], before + 1)
    return last.messages


def texts(messages: list[Json]) -> list[tuple[str, str]]:
    return [(message["role"], text_of(message["parts"])) for message in messages]


def text_of(parts: Any) -> str:
    return "".join(part["text"] for part in parts if part["type"] == "text")
