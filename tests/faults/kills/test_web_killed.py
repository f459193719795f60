"""kill -9 of the web process between the commit and the wake-up: nobody has been told of the turn but its row."""

import pytest

from tests.faults.harness import expectations
from tests.faults.harness.callers import Way, ask
from tests.faults.harness.environment import GatedStage
from tests.faults.harness.expectations import UNTOUCHED
from tests.faults.harness.outcomes import look, wait_for_ends
from tests.faults.harness.points import Point, bring_to
from tests.journeys.clients.aichat import new_id

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("way", [Way.JSON, Way.STREAM, Way.UNSTORED], ids=lambda way: way.value)
def test_its_turn_is_answered_all_the_same(stage: GatedStage, way: Way) -> None:
    turn = bring_to(stage, Point.NOT_ENQUEUED, way)
    assert turn.held

    killed_at = stage.kill("web")
    turn.held.drop()

    wait_for_ends(stage, [turn], broken_at=killed_at)
    outcome = look(stage, turn, broken_at=killed_at)
    assert turn.caller.broke
    expectations.assert_ended(outcome, UNTOUCHED)
    expectations.assert_attempts(outcome, UNTOUCHED)
    expectations.assert_readers_are_told(outcome, UNTOUCHED)
    expectations.assert_messages(outcome, UNTOUCHED)
    expectations.assert_goes_on(outcome)


@pytest.mark.parametrize("way", [Way.JSON, Way.STREAM], ids=lambda way: way.value)
def test_who_repeats_the_question_under_its_key_joins_the_turn(stage: GatedStage, way: Way) -> None:
    key = new_id()
    turn = bring_to(stage, Point.NOT_ENQUEUED, way, key=key)
    assert turn.held

    killed_at = stage.kill("web")
    turn.held.drop()
    turn.caller.wait()
    turn.caller = ask(stage.api, way, turn.question, thread=turn.thread, key=key)

    wait_for_ends(stage, [turn], broken_at=killed_at)
    expectations.assert_all(look(stage, turn, broken_at=killed_at), UNTOUCHED)
