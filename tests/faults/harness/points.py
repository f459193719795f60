"""The labelled points of a turn, and how a turn is made to stand still at one of them: never by waiting a while."""

from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from conversations.relay import codec
from tests.fakes.replies import Reply, says
from tests.faults.harness.callers import Caller, Way, ask, read_again
from tests.faults.harness.environment import GatedStage, Stage
from tests.faults.harness.tcp_proxy import Held
from tests.journeys.clients.aichat import Json, eventually, new_id

# Two replies that nobody can take for each other. How many events their pieces become is a matter of pace.
PIECES = ("One ", "two ", "three ", "four.")
FIRST = "".join(PIECES)
SECOND_PIECES = ("Alpha ", "beta ", "gamma ", "delta.")
SECOND = "".join(SECOND_PIECES)
SAYS_FIRST = says(*PIECES).delayed(0.06)
SAYS_SECOND = says(*SECOND_PIECES).delayed(0.06)
BEFORE = ("Before?", "Before.")


class Point(Enum):
    """In the order of a turn."""

    NOT_ENQUEUED = "after commit before enqueue"
    ACCEPTED = "after accept"
    CLAIMED = "after claim"
    ASKED = "after the upstream was asked"
    FIRST_TOKEN = "after the first token"
    MIDSTREAM = "mid-stream"
    LAST_TOKEN = "after the last token before commit"
    COMMITTED = "after commit before publish"


# Recognised by what the statement does; how it is written may change.
CLAIMS = rb"SET status = 'in_progress'"
FINISHES = rb"INSERT INTO conversations_runattempt .* SELECT id, attempt"
WAKES = rb"^LPUSH runs "
# An end that somebody is told of is a transaction.
FINISHES_AND_TELLS = rb"^BEGIN; .*" + FINISHES + rb".*COMMIT$"

# By what the vendor falls silent.
REPLIES: dict[Point, Reply] = {
    Point.ASKED: SAYS_FIRST.silent(),
    # Event 1 carries only the role.
    Point.FIRST_TOKEN: SAYS_FIRST.stalled_after(1 + 1),
    Point.MIDSTREAM: SAYS_FIRST.stalled_after(1 + 3),
}
# What readers can have seen there.
SHOWN: dict[Point, str] = {Point.FIRST_TOKEN: PIECES[0], Point.MIDSTREAM: "".join(PIECES[:3]), Point.LAST_TOKEN: FIRST}


@dataclass
class Turn:
    """A turn that stands at its point. `late` is who attached to it there."""

    point: Point
    way: Way
    question: str
    thread: str
    run: Json
    caller: Caller
    held: Held | None = None
    late: Caller | None = None


def bring_to(stage: Stage, point: Point, way: Way, *, key: str = "") -> Turn:
    """Ask, and have the turn stand at `point`, proven to be there. Its conversation, if any, has one turn before it."""
    question, thread = f"{way.value}, {point.value}?", new_id()
    stage.plan(question, REPLIES.get(point, SAYS_FIRST), SAYS_SECOND)
    if way.is_stored:
        stage.plan(BEFORE[0], says(BEFORE[1]))
        assert stage.api.answer(BEFORE[0], id=thread)["answer"] == BEFORE[1]
    newest, held = stage.newest_run(), _hold(stage, point) if isinstance(stage, GatedStage) else None
    caller = ask(stage.api, way, question, thread=thread, key=key)
    turn = Turn(point, way, question, thread, stage.run_after(newest), caller, held)
    _prove(stage, turn)
    if way is Way.ATTACHED:
        _attach(stage, turn)
    return turn


def _hold(stage: GatedStage, point: Point) -> Held | None:
    match point:
        case Point.NOT_ENQUEUED:
            return stage.broker.hold(WAKES)
        case Point.ACCEPTED:
            return stage.database.hold(CLAIMS)
        case Point.CLAIMED:
            return stage.database.hold(CLAIMS, is_answer=True)
        case Point.LAST_TOKEN:
            return stage.database.hold(FINISHES)
        case Point.COMMITTED:
            return stage.database.hold(FINISHES_AND_TELLS if stage.is_watched else FINISHES, is_answer=True)
    return None


def _prove(stage: Stage, turn: Turn) -> None:
    if turn.held:
        turn.held.wait()
    if turn.point is Point.ASKED:
        eventually(lambda: len(stage.calls(turn.question)), lambda calls: calls == 1)
    if shown := SHOWN.get(turn.point):
        wait_for_log(stage, turn, shown)
        if turn.way.is_stream:
            eventually(lambda: turn.caller.said, lambda said: said == shown)
    row = stage.rows.all("SELECT status, attempt FROM conversations_run WHERE id = %s", turn.run["id"])[0]
    assert row == EXPECTED_ROWS[turn.point], turn


def wait_for_log(stage: Stage, turn: Turn, shown: str, *, attempt: int = 1) -> None:
    """Until the attempt has published just that."""
    look = partial(stage.valkey.xrange, codec.log_key(str(turn.run["public_id"]), attempt))
    eventually(lambda: _text(look()), lambda text: text == shown)


def _text(entries: Any) -> str:
    return "".join(getattr(event.event, "text", "") for event in codec.load_log(entries))


_QUEUED = {"status": "queued", "attempt": 0}
_IN_PROGRESS = {"status": "in_progress", "attempt": 1}
EXPECTED_ROWS: dict[Point, Json] = dict.fromkeys(Point, _IN_PROGRESS) | {
    Point.NOT_ENQUEUED: _QUEUED,
    Point.ACCEPTED: _QUEUED,
    Point.COMMITTED: {"status": "completed", "attempt": 1},
}


def _attach(stage: Stage, turn: Turn) -> None:
    """By then the run is marked as one that somebody reads, and who attached has seen what there is."""
    turn.late = late = read_again(stage.api, str(turn.run["public_id"]))
    sql = "SELECT is_streamed OR finished_at IS NOT NULL AS is_open FROM conversations_run WHERE id = %s"
    eventually(lambda: stage.rows.all(sql, turn.run["id"])[0]["is_open"], bool)
    eventually(lambda: late.said, lambda said: said == SHOWN.get(turn.point, late.said))
