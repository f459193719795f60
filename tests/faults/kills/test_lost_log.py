"""The worker and its log are lost together: nobody knows any more how much of the turn was shown.

A run that was read as a stream is then never restarted: a reader that comes back at its position would get the end of
the second answer after the beginning of the first.
"""

import pytest

from tests.faults.harness.callers import Way, read_again
from tests.faults.harness.environment import ProxiedEnvironment
from tests.faults.harness.expectations import NEXT, THREAD, completed
from tests.faults.harness.outcomes import Outcome, observe, wait_for_ends
from tests.faults.harness.points import SECOND, SHOWN, Point, bring_to

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def outcomes(proxied_environment: ProxiedEnvironment) -> dict[Way, Outcome]:
    proxied_environment.reset()
    turns = [bring_to(proxied_environment, Point.MIDSTREAM, way) for way in (Way.JSON, Way.STREAM, Way.ATTACHED)]
    proxied_environment.valkey.flushall()
    killed_at = proxied_environment.kill("worker")
    wait_for_ends(proxied_environment, turns, broken_at=killed_at)
    return {turn.way: observe(proxied_environment, turn, broken_at=killed_at) for turn in turns}


def test_what_nobody_read_is_restarted(outcomes: dict[Way, Outcome]) -> None:
    outcome = outcomes[Way.JSON]

    assert outcome.result == completed(outcome.turn, text=SECOND, attempts=["lost", "completed"], calls=2)


@pytest.mark.parametrize("way", [Way.STREAM, Way.ATTACHED], ids=lambda way: way.value)
def test_what_somebody_read_fails(outcomes: dict[Way, Outcome], way: Way) -> None:
    outcome = outcomes[way]

    assert (outcome.run["status"], outcome.calls) == ("failed", 1)
    assert outcome.attempts == {1: "lost"}
    assert (outcome.run["attempt"], outcome.run["attempts_lost"]) == (1, 0)
    assert outcome.messages == [("user", outcome.turn.question)]
    assert outcome.path == THREAD
    assert outcome.next_prompt == [*THREAD, ("user", NEXT[0])]


def test_no_reader_is_given_two_answers_in_one(
    proxied_environment: ProxiedEnvironment, outcomes: dict[Way, Outcome]
) -> None:
    reader = outcomes[Way.STREAM].turn.caller
    back = read_again(proxied_environment.api, str(outcomes[Way.STREAM].run["public_id"]), after=3)

    back.wait()

    assert reader.text == SHOWN[Point.MIDSTREAM]
    assert back.text == ""
