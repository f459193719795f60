"""A store is away for a while, at the worst moment; or one connection breaks between a commit and its answer."""

import re

import pytest

from tests.faults.harness import expectations
from tests.faults.harness.callers import Way, ask
from tests.faults.harness.environment import GatedStage
from tests.faults.harness.expectations import CLAIMED_AGAIN, UNTOUCHED
from tests.faults.harness.outcomes import look, wait_for_ends
from tests.faults.harness.points import FIRST, SAYS_FIRST, Point, bring_to
from tests.journeys.clients.aichat import SILENCE_SECONDS, refusal

pytestmark = pytest.mark.faults

# Within the silence after which a reader asks by itself.
TELLING_SECONDS = SILENCE_SECONDS - 1.0
END_NOT_WRITTEN = re.compile("run_end_not_written")
# Under a key a turn is accepted in a transaction of several statements.
COMMITS_A_TURN = rb"INSERT INTO conversations_run .*; COMMIT$"


@pytest.fixture(autouse=True)
def _with_open_gates(stage: GatedStage) -> None:
    """Each test begins with a service that is ready."""


def test_an_answer_that_ends_while_the_database_is_away_is_kept(stage: GatedStage) -> None:
    turns = [bring_to(stage, Point.MIDSTREAM, way) for way in Way]
    said = len(stage.service.log)

    stage.database.shut()
    stage.upstream.release()
    stage.service.wait_for(END_NOT_WRITTEN, since=said)
    stage.database.open()

    back_at = stage.now()
    wait_for_ends(stage, turns, broken_at=back_at)
    for turn in turns:
        expectations.assert_all(look(stage, turn, broken_at=back_at), UNTOUCHED)


def test_an_answer_that_ends_while_valkey_is_away_is_kept(stage: GatedStage) -> None:
    turns = [bring_to(stage, Point.MIDSTREAM, way) for way in Way]

    stage.broker.shut()
    away_at = stage.now()
    stage.upstream.release()
    wait_for_ends(stage, turns, broken_at=away_at)
    stage.broker.open()

    for turn in turns:
        expectations.assert_all(look(stage, turn, broken_at=away_at), UNTOUCHED)


@pytest.mark.parametrize("way", [Way.JSON, Way.STREAM], ids=lambda way: way.value)
def test_a_wake_up_that_never_arrives_is_sent_again(stage: GatedStage, way: Way) -> None:
    turn = bring_to(stage, Point.NOT_ENQUEUED, way)
    assert turn.held

    lost_at = stage.now()
    turn.held.drop()

    wait_for_ends(stage, [turn], broken_at=lost_at)
    expectations.assert_all(look(stage, turn, broken_at=lost_at), UNTOUCHED)


@pytest.mark.parametrize("way", [Way.JSON, Way.STREAM], ids=lambda way: way.value)
def test_an_end_that_was_written_and_not_heard_of_is_not_written_twice(stage: GatedStage, way: Way) -> None:
    """The worker writes it again, finds that it is there, and has its readers look."""
    turn = bring_to(stage, Point.COMMITTED, way)
    assert turn.held

    broken_at = stage.now()
    turn.held.drop()
    turn.caller.wait()

    assert stage.now() < broken_at + TELLING_SECONDS
    expectations.assert_all(look(stage, turn, broken_at=broken_at), UNTOUCHED)


@pytest.mark.parametrize("way", [Way.JSON, Way.STREAM], ids=lambda way: way.value)
def test_a_claim_that_was_not_heard_of_is_given_back(stage: GatedStage, way: Way) -> None:
    """The worker lives, and its row says that it has a run of which it knows nothing."""
    turn = bring_to(stage, Point.CLAIMED, way)
    assert turn.held

    broken_at = stage.now()
    turn.held.drop()

    wait_for_ends(stage, [turn], broken_at=broken_at)
    expectations.assert_all(look(stage, turn, broken_at=broken_at), CLAIMED_AGAIN)


def test_a_turn_that_was_accepted_and_not_heard_of_is_asked_once_by_its_key(stage: GatedStage) -> None:
    """The commit got through, its answer did not: the caller is refused, asks again, and joins the turn it has."""
    stage.plan("Once?", SAYS_FIRST)
    newest = stage.newest_run()
    with stage.database.hold(COMMITS_A_TURN, is_answer=True) as held:
        first = ask(stage.api, Way.JSON, "Once?", thread="accepted-once", key="once")
        held.wait()

    refused = first.wait()
    again = ask(stage.api, Way.JSON, "Once?", thread="accepted-once", key="once").wait()

    assert refused is not None
    assert refusal(refused)[:2] == (503, "api_error")
    assert again is not None
    assert again.json() == {"id": "accepted-once", "answer": FIRST}
    assert again.headers["Idempotent-Replayed"] == "true"
    assert stage.run_after(newest)["attempt"] == 1
    assert len(stage.calls("Once?")) == 1
