"""kill -9 of the worker at every labelled point of a turn: what becomes of it, for every way of asking.

The rule: before anything was shown a turn is begun anew in silence. After that, one that was ever opened as a stream
fails with its text kept; one that only waiters for a whole answer know is begun anew. Nothing is spliced.
"""

import pytest

from tests.faults.harness import expectations
from tests.faults.harness.callers import Way
from tests.faults.harness.environment import GatedStage
from tests.faults.harness.expectations import BEGUN_ANEW, CLAIMED_AGAIN, UNTOUCHED, Promise, kept
from tests.faults.harness.outcomes import Outcome, look, wait_for_ends
from tests.faults.harness.points import FIRST, PIECES, Point, bring_to
from tests.faults.harness.watching import watching
from tests.journeys.clients.aichat import SILENCE_SECONDS

RECOVERY_SECONDS = 15.0
# Within the silence after which a reader asks by itself.
READING_SECONDS = SILENCE_SECONDS - 1.0

#                          (nobody saw text, somebody read a stream)
PROMISES: dict[Point, tuple[Promise, Promise]] = {
    Point.NOT_ENQUEUED: (UNTOUCHED, UNTOUCHED),
    Point.ACCEPTED: (UNTOUCHED, UNTOUCHED),
    Point.CLAIMED: (CLAIMED_AGAIN, CLAIMED_AGAIN),
    Point.ASKED: (BEGUN_ANEW, BEGUN_ANEW),
    Point.FIRST_TOKEN: (BEGUN_ANEW, kept(PIECES[0])),
    Point.MIDSTREAM: (BEGUN_ANEW, kept("".join(PIECES[:3]))),
    Point.LAST_TOKEN: (BEGUN_ANEW, kept(FIRST)),
    Point.COMMITTED: (UNTOUCHED, UNTOUCHED),
}
# Of the last that the transaction of an end writes when somebody is told of it.
OWES = rb'^INSERT INTO "conversations_delivery"'
CHEAP = (Way.JSON, Way.STREAM)
# Those that only wait come last: the sweeper wakes a run anew that has waited for five seconds.
ORDER = sorted(Point, key=lambda point: point in (Point.ACCEPTED, Point.NOT_ENQUEUED))


@pytest.fixture(
    scope="module",
    params=[pytest.param(way, marks=[] if way in CHEAP else pytest.mark.faults) for way in Way],
    ids=lambda way: way.value,
)
def crashed(gated_stage: GatedStage, request: pytest.FixtureRequest) -> dict[Point, Outcome]:
    return crash(gated_stage, request.param)


@pytest.fixture(scope="module", params=CHEAP, ids=lambda way: way.value)
def watched(gated_stage: GatedStage, request: pytest.FixtureRequest) -> dict[Point, Outcome]:
    """The same of an account that has itself told of the ends of its runs."""
    with watching(gated_stage) as watch:
        outcomes = crash(gated_stage, request.param)
        for outcome in outcomes.values():
            outcome.events, outcome.told = watch.events_of(outcome.run), watch.told_of(outcome.run)
    return outcomes


def crash(gated_stage: GatedStage, way: Way) -> dict[Point, Outcome]:
    """A turn at each point, one kill, and what came of each turn."""
    gated_stage.begin_anew()
    turns = [bring_to(gated_stage, point, way) for point in ORDER]
    killed_at = gated_stage.kill("worker")
    for turn in turns:
        if turn.held and turn.point is Point.NOT_ENQUEUED:
            turn.held.let_pass()
        elif turn.held:
            turn.held.drop()
    wait_for_ends(gated_stage, turns, broken_at=killed_at)
    return {turn.point: look(gated_stage, turn, broken_at=killed_at) for turn in turns}


@pytest.fixture(params=Point, ids=lambda point: point.value)
def outcome(crashed: dict[Point, Outcome], request: pytest.FixtureRequest) -> Outcome:
    return crashed[request.param]


@pytest.fixture
def promise(outcome: Outcome) -> Promise:
    return PROMISES[outcome.turn.point][outcome.turn.way.is_read_live]


def test_ends_in_time_as_promised(outcome: Outcome, promise: Promise) -> None:
    expectations.assert_ended(outcome, promise)
    assert outcome.seconds < RECOVERY_SECONDS


def test_keeps_every_attempt_with_its_true_outcome(outcome: Outcome, promise: Promise) -> None:
    expectations.assert_attempts(outcome, promise)
    assert len({attempt["worker_name"] for attempt in outcome.attempts}) == len(promise.attempts)


def test_tells_its_asker_once_and_whole(outcome: Outcome, promise: Promise) -> None:
    expectations.assert_asker_was_told(outcome, promise)


def test_tells_every_other_reader_the_same(outcome: Outcome, promise: Promise) -> None:
    expectations.assert_readers_are_told(outcome, promise)


def test_keeps_no_later_reader_waiting(outcome: Outcome) -> None:
    """A dead worker's log has no end that would tell them."""
    for reader in (outcome.whole, outcome.rest):
        assert reader is None or reader.seconds < READING_SECONDS


def test_keeps_every_message_once(outcome: Outcome, promise: Promise) -> None:
    expectations.assert_messages(outcome, promise)


def test_its_conversation_goes_on(outcome: Outcome) -> None:
    expectations.assert_goes_on(outcome)


@pytest.mark.faults
@pytest.mark.parametrize("way", CHEAP, ids=lambda way: way.value)
def test_nobody_is_told_of_an_end_that_did_not_commit(gated_stage: GatedStage, way: Way) -> None:
    """Killed inside the transaction, with the event written and the delivery about to be."""
    gated_stage.begin_anew()
    with watching(gated_stage) as watch:
        turn = bring_to(gated_stage, Point.ASKED, way)
        with gated_stage.database.hold(OWES) as held:
            gated_stage.upstream.release()
            held.wait()
            killed_at = gated_stage.kill("worker")
        wait_for_ends(gated_stage, [turn], broken_at=killed_at)
        outcome = look(gated_stage, turn, broken_at=killed_at)
        events, told = watch.events_of(outcome.run), watch.told_of(outcome.run)

    promise = PROMISES[Point.LAST_TOKEN][way.is_read_live]
    expectations.assert_all(outcome, promise)
    assert [event["type"] for event in events] == [f"run.{promise.status}"]
    assert [one["id"] for one in told] == [events[0]["public_id"]]


@pytest.mark.faults
@pytest.mark.parametrize("point", Point, ids=lambda point: point.value)
def test_an_endpoint_is_told_of_the_end_there_was(watched: dict[Point, Outcome], point: Point) -> None:
    """In the transaction of the end: of one that did not commit nobody hears, of one that did somebody does, once."""
    outcome = watched[point]
    promise = PROMISES[point][outcome.turn.way.is_read_live]

    expectations.assert_all(outcome, promise)
    assert outcome.seconds < RECOVERY_SECONDS
    assert [event["type"] for event in outcome.events] == [f"run.{promise.status}"]
    # Once, or the same again when its sender was not sure.
    assert {one["id"] for one in outcome.told} == {outcome.events[0]["public_id"]}
    data = outcome.told[0]["data"]
    assert (data["status"], data["attempt"], data["answer"]) == (
        promise.status, len(promise.attempts), promise.text or None,
    )  # fmt: skip
