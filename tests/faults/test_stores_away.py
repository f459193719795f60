"""A store is away for a while at the worst moment, or a connection breaks between a commit and its answer."""

import re

import pytest

from tests.faults.harness.callers import Way, ask
from tests.faults.harness.environment import ProxiedEnvironment
from tests.faults.harness.expectations import completed
from tests.faults.harness.outcomes import observe, wait_for_ends
from tests.faults.harness.points import FIRST, SAYS_FIRST, Point, bring_to
from tests.journeys.clients.aichat import SILENCE_SECONDS, refusal

pytestmark = pytest.mark.faults

# Less than the silence after which a reader asks by itself.
NOTIFY_SECONDS = SILENCE_SECONDS - 1.0
END_NOT_WRITTEN = re.compile("run_end_not_written")
# A turn with an idempotency key is accepted in a transaction of several statements.
COMMITS_A_TURN = rb"INSERT INTO conversations_run\b.*; COMMIT$"


@pytest.fixture(autouse=True)
def _ready(environment: ProxiedEnvironment) -> None:
    """Each test begins with a service that is ready."""


def test_an_answer_that_ends_while_the_database_is_away_is_kept(environment: ProxiedEnvironment) -> None:
    turns = [bring_to(environment, Point.MIDSTREAM, way) for way in Way]
    logged = len(environment.service.log)

    environment.database.shut()
    environment.upstream.release()
    environment.service.wait_for(END_NOT_WRITTEN, since=logged)
    environment.database.open()

    back_at = environment.now()
    wait_for_ends(environment, turns, broken_at=back_at)
    for turn in turns:
        outcome = observe(environment, turn, broken_at=back_at)
        assert outcome.result == completed(turn, text=FIRST, attempts=["completed"], calls=1)


def test_an_answer_that_ends_while_valkey_is_away_is_kept(environment: ProxiedEnvironment) -> None:
    turns = [bring_to(environment, Point.MIDSTREAM, way) for way in Way]

    environment.broker.shut()
    away_at = environment.now()
    environment.upstream.release()
    wait_for_ends(environment, turns, broken_at=away_at)
    environment.broker.open()

    for turn in turns:
        outcome = observe(environment, turn, broken_at=away_at)
        assert outcome.result == completed(turn, text=FIRST, attempts=["completed"], calls=1)


@pytest.mark.parametrize("way", [Way.JSON, Way.STREAM], ids=lambda way: way.value)
def test_a_wake_up_that_never_arrives_is_sent_again(environment: ProxiedEnvironment, way: Way) -> None:
    turn = bring_to(environment, Point.NOT_ENQUEUED, way)
    assert turn.held

    lost_at = environment.now()
    turn.held.drop()

    wait_for_ends(environment, [turn], broken_at=lost_at)
    outcome = observe(environment, turn, broken_at=lost_at)
    assert outcome.result == completed(turn, text=FIRST, attempts=["completed"], calls=1)


@pytest.mark.parametrize("way", [Way.JSON, Way.STREAM], ids=lambda way: way.value)
def test_an_end_whose_commit_was_not_confirmed_is_not_written_twice(environment: ProxiedEnvironment, way: Way) -> None:
    """The worker writes it again, finds that it is stored, and notifies its readers."""
    turn = bring_to(environment, Point.COMMITTED, way)
    assert turn.held

    broken_at = environment.now()
    turn.held.drop()
    turn.caller.wait()

    assert environment.now() < broken_at + NOTIFY_SECONDS
    outcome = observe(environment, turn, broken_at=broken_at)
    assert outcome.result == completed(turn, text=FIRST, attempts=["completed"], calls=1)


@pytest.mark.parametrize("way", [Way.JSON, Way.STREAM], ids=lambda way: way.value)
def test_a_run_whose_claim_was_not_confirmed_is_requeued(environment: ProxiedEnvironment, way: Way) -> None:
    """The worker lives, and the run's row names it, but it does not know of the run."""
    turn = bring_to(environment, Point.CLAIMED, way)
    assert turn.held

    broken_at = environment.now()
    turn.held.drop()

    wait_for_ends(environment, [turn], broken_at=broken_at)
    outcome = observe(environment, turn, broken_at=broken_at)
    assert outcome.result == completed(turn, text=FIRST, attempts=["lost", "completed"], calls=1)


def test_a_turn_whose_commit_was_not_confirmed_is_asked_once(environment: ProxiedEnvironment) -> None:
    """The commit arrives, its answer does not: the caller is refused, asks again, and joins its turn."""
    environment.plan("Once?", SAYS_FIRST)
    newest = environment.newest_run()
    with environment.database.hold(COMMITS_A_TURN, is_answer=True) as held:
        first = ask(environment.api, Way.JSON, "Once?", thread="accepted-once", key="once")
        held.wait()

    refused = first.wait()
    again = ask(environment.api, Way.JSON, "Once?", thread="accepted-once", key="once").wait()

    assert refused is not None
    assert refusal(refused)[:2] == (503, "api_error")
    assert again is not None
    assert again.json() == {"id": "accepted-once", "answer": FIRST}
    assert again.headers["Idempotent-Replayed"] == "true"
    assert environment.run_after(newest)["attempt"] == 1
    assert len(environment.calls("Once?")) == 1
