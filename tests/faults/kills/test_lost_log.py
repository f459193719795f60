"""The worker and its log die together: nobody can tell any more how much of the turn was shown.

What was read as a stream is then never begun anew: a reader who comes back at its position would be given the second
answer's end after the first one's beginning.
"""

import pytest

from tests.faults.harness import expectations
from tests.faults.harness.callers import Way, read_again
from tests.faults.harness.environment import GatedStage
from tests.faults.harness.expectations import BEGUN_ANEW, kept
from tests.faults.harness.outcomes import Outcome, look, wait_for_ends
from tests.faults.harness.points import SHOWN, Point, bring_to

pytestmark = pytest.mark.faults

NOTHING_KNOWN = kept("")


@pytest.fixture(scope="module")
def outcomes(gated_stage: GatedStage) -> dict[Way, Outcome]:
    gated_stage.begin_anew()
    turns = [bring_to(gated_stage, Point.MIDSTREAM, way) for way in (Way.JSON, Way.STREAM, Way.ATTACHED)]
    gated_stage.valkey.flushall()
    killed_at = gated_stage.kill("worker")
    wait_for_ends(gated_stage, turns, broken_at=killed_at)
    return {turn.way: look(gated_stage, turn, broken_at=killed_at) for turn in turns}


def test_what_nobody_read_is_begun_anew(outcomes: dict[Way, Outcome]) -> None:
    expectations.assert_all(outcomes[Way.JSON], BEGUN_ANEW)


@pytest.mark.parametrize("way", [Way.STREAM, Way.ATTACHED], ids=lambda way: way.value)
def test_what_somebody_read_fails(outcomes: dict[Way, Outcome], way: Way) -> None:
    outcome = outcomes[way]

    expectations.assert_ended(outcome, NOTHING_KNOWN)
    expectations.assert_attempts(outcome, NOTHING_KNOWN)
    expectations.assert_messages(outcome, NOTHING_KNOWN)
    expectations.assert_goes_on(outcome)


def test_no_reader_is_given_two_answers_in_one(gated_stage: GatedStage, outcomes: dict[Way, Outcome]) -> None:
    reader = outcomes[Way.STREAM].turn.caller
    back = read_again(gated_stage.api, str(outcomes[Way.STREAM].run["public_id"]), after=3)

    back.wait()

    assert reader.said == SHOWN[Point.MIDSTREAM]
    assert back.said == ""
