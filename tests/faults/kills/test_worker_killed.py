"""kill -9 of the worker at every labelled point of a turn: what becomes of it, for every way of asking.

The rule: a turn of which nothing was shown is restarted unnoticed. After that, one that was ever opened as a stream
fails, with its text kept; one that only callers for a whole answer wait for is restarted. Answers are never mixed.
"""

import pytest

from tests.faults.harness.callers import Way
from tests.faults.harness.crashes import EXPECTED, crash, expected_of
from tests.faults.harness.environment import ProxiedEnvironment
from tests.faults.harness.expectations import Result
from tests.faults.harness.outcomes import Outcome, observe, wait_for_ends
from tests.faults.harness.points import SHOWN, Point, bring_to
from tests.journeys.clients.aichat import SILENCE_SECONDS

RECOVERY_SECONDS = 15.0
# Less than the silence after which a reader asks by itself.
READING_SECONDS = SILENCE_SECONDS - 1.0

# The last statement of the transaction that ends a run when an endpoint is notified of it.
RECORDS_EVENT = rb"INSERT INTO conversations_event .*INSERT INTO conversations_delivery "
CHEAP = (Way.JSON, Way.STREAM)


@pytest.fixture(
    scope="module",
    params=[pytest.param(way, marks=[] if way in CHEAP else pytest.mark.faults) for way in Way],
    ids=lambda way: way.value,
)
def crashed(proxied_environment: ProxiedEnvironment, request: pytest.FixtureRequest) -> dict[Point, Outcome]:
    return crash(proxied_environment, request.param)


@pytest.fixture(scope="module", params=CHEAP, ids=lambda way: way.value)
def notified(notified_environment: ProxiedEnvironment, request: pytest.FixtureRequest) -> dict[Point, Outcome]:
    """The same for an account with an endpoint that is notified of the ends of its runs."""
    with notified_environment.subscribed() as subscriber:
        outcomes = crash(notified_environment, request.param)
        for outcome in outcomes.values():
            outcome.events = subscriber.events_of(outcome.run)
            outcome.notifications = subscriber.notifications_of(outcome.run)
    return outcomes


@pytest.fixture(params=Point, ids=lambda point: point.value)
def outcome(crashed: dict[Point, Outcome], request: pytest.FixtureRequest) -> Outcome:
    return crashed[request.param]


@pytest.fixture
def expected(outcome: Outcome) -> Result:
    return expected_of(outcome.turn)


def test_ends_in_time_as_expected(outcome: Outcome, expected: Result) -> None:
    assert (outcome.run["status"], outcome.calls) == (expected.status, expected.calls)
    assert outcome.seconds < RECOVERY_SECONDS


def test_keeps_every_attempt_with_its_true_outcome(outcome: Outcome, expected: Result) -> None:
    assert outcome.attempts == expected.attempts
    assert (outcome.run["attempt"], outcome.run["attempts_lost"]) == expected.counted
    assert len({attempt["worker_name"] for attempt in outcome.attempt_rows}) == len(expected.attempts)


def test_answers_its_caller_once(outcome: Outcome, expected: Result) -> None:
    assert outcome.caller == expected.caller


def test_answers_every_other_reader_the_same(outcome: Outcome, expected: Result) -> None:
    assert outcome.readers == expected.readers
    assert outcome.is_rest_equal
    assert outcome.log == list(range(1, len(outcome.log) + 1))


def test_keeps_no_later_reader_waiting(outcome: Outcome) -> None:
    """The log of a dead worker has no end that they could read."""
    for reader in (outcome.from_start, outcome.from_third):
        assert reader is None or reader.seconds < READING_SECONDS


def test_keeps_every_message_once(outcome: Outcome, expected: Result) -> None:
    assert outcome.messages == expected.messages
    assert outcome.path == expected.path


def test_its_conversation_goes_on(outcome: Outcome, expected: Result) -> None:
    assert outcome.next_prompt == expected.next_prompt


@pytest.mark.faults
@pytest.mark.parametrize("way", CHEAP, ids=lambda way: way.value)
def test_nobody_is_notified_of_an_end_that_did_not_commit(notified_environment: ProxiedEnvironment, way: Way) -> None:
    """The worker is killed inside the transaction, after the end and before its event and deliveries are written."""
    notified_environment.reset()
    with notified_environment.subscribed() as subscriber:
        turn = bring_to(notified_environment, Point.ASKED, way)
        with notified_environment.database.hold(RECORDS_EVENT) as held:
            notified_environment.upstream.release()
            held.wait()
            killed_at = notified_environment.kill("worker")
        wait_for_ends(notified_environment, [turn], broken_at=killed_at)
        outcome = observe(notified_environment, turn, broken_at=killed_at)
        events, notifications = subscriber.events_of(outcome.run), subscriber.notifications_of(outcome.run)

    expected = EXPECTED[Point.LAST_TOKEN][way.is_read_live](turn)
    assert outcome.result == expected
    assert [event["type"] for event in events] == [f"run.{expected.status}"]
    assert [one["id"] for one in notifications] == [events[0]["public_id"]]


@pytest.mark.faults
@pytest.mark.parametrize("point", Point, ids=lambda point: point.value)
def test_an_endpoint_is_notified_of_the_end(notified: dict[Point, Outcome], point: Point) -> None:
    """Events are part of the transaction of the end: one for each end that commits, none for others."""
    outcome = notified[point]
    expected = expected_of(outcome.turn)

    assert outcome.result == expected
    assert outcome.seconds < RECOVERY_SECONDS
    assert [event["type"] for event in outcome.events] == [f"run.{expected.status}"]
    # Once, or repeated when its sender could not know that it had arrived.
    assert {one["id"] for one in outcome.notifications} == {outcome.events[0]["public_id"]}
    data = outcome.notifications[0]["data"]
    text = "".join(text for role, text in expected.messages if role == "assistant") or SHOWN.get(point)
    assert (data["status"], data["attempt"], data["answer"]) == (expected.status, len(expected.attempts), text)
