"""kill -9 of the web process between the commit and the wake-up: only the row knows of the turn."""

from dataclasses import replace

import pytest

from tests.faults.harness.callers import Way, ask
from tests.faults.harness.environment import ProxiedEnvironment
from tests.faults.harness.expectations import completed
from tests.faults.harness.outcomes import observe, wait_for_ends
from tests.faults.harness.points import FIRST, Point, bring_to
from tests.journeys.clients.aichat import new_id

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("way", [Way.JSON, Way.STREAM, Way.UNSTORED], ids=lambda way: way.value)
def test_its_turn_is_answered_all_the_same(environment: ProxiedEnvironment, way: Way) -> None:
    turn = bring_to(environment, Point.NOT_ENQUEUED, way)
    assert turn.held

    killed_at = environment.kill("web")
    turn.held.drop()

    wait_for_ends(environment, [turn], broken_at=killed_at)
    outcome = observe(environment, turn, broken_at=killed_at)
    expected = completed(turn, text=FIRST, attempts=["completed"], calls=1)
    assert outcome.result == replace(expected, caller=None)


@pytest.mark.parametrize("way", [Way.JSON, Way.STREAM], ids=lambda way: way.value)
def test_a_question_repeated_with_its_key_joins_the_turn(environment: ProxiedEnvironment, way: Way) -> None:
    key = new_id()
    turn = bring_to(environment, Point.NOT_ENQUEUED, way, key=key)
    assert turn.held

    killed_at = environment.kill("web")
    turn.held.drop()
    turn.caller.wait()
    turn.caller = ask(environment.api, way, turn.question, thread=turn.thread, key=key)

    wait_for_ends(environment, [turn], broken_at=killed_at)
    outcome = observe(environment, turn, broken_at=killed_at)
    assert outcome.result == completed(turn, text=FIRST, attempts=["completed"], calls=1)
