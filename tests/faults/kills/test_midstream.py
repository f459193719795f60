"""In the middle of a stream the web process or a store is killed, loses everything, or is restarted.

None of that ends a run: the worker continues, writes its log again, and the answer is complete. A turn of every way of
asking is in the middle of its stream when it happens.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.faults.harness.callers import Way
from tests.faults.harness.crashes import flush_valkey, kill_postgres, kill_valkey, restart_postgres
from tests.faults.harness.environment import Environment, supervised
from tests.faults.harness.expectations import Received, completed
from tests.faults.harness.outcomes import Outcome, observe, wait_for_ends
from tests.faults.harness.points import FIRST, Point, bring_to


@pytest.fixture(scope="module")
def supervised_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    with supervised(tmp_path_factory.mktemp("supervised")) as environment:
        yield environment


def break_midstream(environment: Environment, fault: Callable[[Environment], float]) -> dict[Way, Outcome]:
    """Bring a turn of every way to the middle of its stream, cause the fault, then let the upstream continue."""
    environment.reset()
    turns = [bring_to(environment, Point.MIDSTREAM, way) for way in Way]
    broken_at = fault(environment)
    environment.upstream.release()
    wait_for_ends(environment, turns, broken_at=broken_at)
    return {turn.way: observe(environment, turn, broken_at=broken_at) for turn in turns}


def test_a_flushed_valkey_is_noticed_by_nobody(proxied_environment: Environment) -> None:
    for outcome in break_midstream(proxied_environment, flush_valkey).values():
        assert outcome.result == completed(outcome.turn, text=FIRST, attempts=["completed"], calls=1)


@pytest.mark.faults
@pytest.mark.parametrize("fault", [kill_valkey, kill_postgres, restart_postgres])
def test_a_restarted_store_is_noticed_by_nobody(
    supervised_environment: Environment, fault: Callable[[Environment], float]
) -> None:
    for outcome in break_midstream(supervised_environment, fault).values():
        assert outcome.result == completed(outcome.turn, text=FIRST, attempts=["completed"], calls=1)


def test_a_killed_web_process_cuts_its_callers_off_and_ends_no_turn(proxied_environment: Environment) -> None:
    for outcome in break_midstream(proxied_environment, lambda environment: environment.kill("web")).values():
        expected = completed(outcome.turn, text=FIRST, attempts=["completed"], calls=1)
        # The caller, and who had attached, are cut off; later readers get all of it.
        late = [None] if outcome.turn.late else []
        later = [Received(FIRST)] if outcome.turn.way.is_stored else []
        assert outcome.result == replace(expected, caller=None, readers=[*late, *later])
