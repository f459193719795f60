"""The labelled points of a turn, and how a turn is brought to one of them and held there, without sleeping."""

from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from conversations.relay import codec
from tests.fakes.replies import Json, Reply, says
from tests.faults.harness.callers import Caller, Way, ask, read_again
from tests.faults.harness.environment import Environment, ProxiedEnvironment
from tests.faults.harness.tcp_proxy import HeldMessage
from tests.journeys.clients.aichat import new_id
from tests.journeys.rows import RUNS
from tests.waiting import eventually

# Two replies that cannot be confused. How many events their pieces become depends on timing.
PIECES = ("One ", "two ", "three ", "four.")
FIRST = "".join(PIECES)
SECOND_PIECES = ("Alpha ", "beta ", "gamma ", "delta.")
SECOND = "".join(SECOND_PIECES)
SAYS_FIRST = says(*PIECES).delayed(0.06)
SAYS_SECOND = says(*SECOND_PIECES).delayed(0.06)
BEFORE = ("Before?", "Before.")


class Point(Enum):
    """In the order in which a turn passes them."""

    NOT_ENQUEUED = "after commit before enqueue"
    ACCEPTED = "after accept"
    CLAIMED = "after claim"
    ASKED = "after the upstream was asked"
    FIRST_TOKEN = "after the first token"
    MIDSTREAM = "mid-stream"
    LAST_TOKEN = "after the last token before commit"
    COMMITTED = "after commit before publish"


# Statements are recognised by what they do, since their wording may change.
CLAIMS = rb"SET status ?= ?'in_progress'"
FINISHES = rb"INSERT INTO conversations_runattempt.*SELECT \$\d+, ?id, ?\$"
WAKES = rb"^LPUSH runs "
# The end of a run that an endpoint is notified of is a transaction.
FINISHES_AND_NOTIFIES = rb"^BEGIN; .*" + FINISHES + rb".*COMMIT$"

# The replies after which the vendor falls silent.
REPLIES: dict[Point, Reply] = {
    Point.ASKED: SAYS_FIRST.silent(),
    # Event 1 carries only the role.
    Point.FIRST_TOKEN: SAYS_FIRST.stalled_after(1 + 1),
    Point.MIDSTREAM: SAYS_FIRST.stalled_after(1 + 3),
}
# What readers can have seen at that point.
SHOWN: dict[Point, str] = {Point.FIRST_TOKEN: PIECES[0], Point.MIDSTREAM: "".join(PIECES[:3]), Point.LAST_TOKEN: FIRST}


@dataclass
class Turn:
    """A turn that is held at its point. `late`: a reader that attached to it there."""

    point: Point
    way: Way
    question: str
    thread: str
    run: Json
    caller: Caller
    held: HeldMessage | None = None
    late: Caller | None = None


def bring_to(environment: Environment, point: Point, way: Way, *, key: str = "") -> Turn:
    """Ask, and hold the turn at `point`, verified. Its conversation, if it has one, has one turn before it."""
    question, thread = f"{way.value}, {point.value}?", new_id()
    environment.plan(question, REPLIES.get(point, SAYS_FIRST), SAYS_SECOND)
    if way.is_stored:
        environment.plan(BEFORE[0], says(BEFORE[1]))
        assert environment.api.answer(BEFORE[0], id=thread)["answer"] == BEFORE[1]
    newest, held = (
        environment.newest_run(),
        _hold(environment, point) if isinstance(environment, ProxiedEnvironment) else None,
    )
    caller = ask(environment.api, way, question, thread=thread, key=key)
    turn = Turn(point, way, question, thread, environment.run_after(newest), caller, held)
    _verify(environment, turn)
    if way is Way.ATTACHED:
        _attach(environment, turn)
    return turn


def _hold(environment: ProxiedEnvironment, point: Point) -> HeldMessage | None:
    match point:
        case Point.NOT_ENQUEUED:
            return environment.broker.hold(WAKES)
        case Point.ACCEPTED:
            return environment.database.hold(CLAIMS)
        case Point.CLAIMED:
            return environment.database.hold(CLAIMS, is_answer=True)
        case Point.LAST_TOKEN:
            return environment.database.hold(FINISHES)
        case Point.COMMITTED:
            return environment.database.hold(
                FINISHES_AND_NOTIFIES if environment.has_endpoint else FINISHES, is_answer=True
            )
    return None


def _verify(environment: Environment, turn: Turn) -> None:
    if turn.held:
        turn.held.wait()
    if turn.point is Point.ASKED:
        eventually(lambda: len(environment.calls(turn.question)), lambda calls: calls == 1)
    if shown := SHOWN.get(turn.point):
        wait_for_log(environment, turn, shown)
        if turn.way.is_stream:
            eventually(lambda: turn.caller.text, lambda text: text == shown)
    row = environment.rows.all(f"SELECT status, attempt FROM {RUNS} WHERE id = %s", turn.run["id"])[0]
    assert row == EXPECTED_ROWS[turn.point], turn


def wait_for_log(environment: Environment, turn: Turn, shown: str, *, attempt: int = 1) -> None:
    """Wait until the attempt has published exactly this text."""
    read_log = partial(environment.valkey.xrange, codec.log_key(str(turn.run["public_id"]), attempt))
    eventually(lambda: _text(read_log()), lambda text: text == shown)


def _text(entries: Any) -> str:
    return "".join(getattr(event.event, "text", "") for event in codec.load_log(entries))


_QUEUED = {"status": "queued", "attempt": 0}
_IN_PROGRESS = {"status": "in_progress", "attempt": 1}
EXPECTED_ROWS: dict[Point, Json] = dict.fromkeys(Point, _IN_PROGRESS) | {
    Point.NOT_ENQUEUED: _QUEUED,
    Point.ACCEPTED: _QUEUED,
    Point.COMMITTED: {"status": "completed", "attempt": 1},
}


def _attach(environment: Environment, turn: Turn) -> None:
    """Attach a reader, and wait until the run is marked as streamed and the reader has seen what there is."""
    turn.late = late = read_again(environment.api, str(turn.run["public_id"]))
    sql = f"SELECT finished_at IS NOT NULL OR is_streamed AS is_open FROM {RUNS} WHERE id = %s"
    eventually(lambda: environment.rows.all(sql, turn.run["id"])[0]["is_open"], bool)
    eventually(lambda: late.text, lambda text: text == SHOWN.get(turn.point, late.text))
