"""Once in the middle of the stream each: the web process or a store dies, forgets everything, or starts again.

None of that is an end: the worker goes on, writes its log again, and the answer is whole. All ways of asking are in
the middle of a turn when it happens.
"""

import os
import signal
from collections.abc import Callable, Iterator

import pytest
import redis

from tests.faults.harness import environment as stages
from tests.faults.harness import expectations
from tests.faults.harness.callers import Way
from tests.faults.harness.environment import DEAD_SECONDS, READY_SECONDS, Stage
from tests.faults.harness.expectations import UNTOUCHED
from tests.faults.harness.outcomes import Outcome, look, wait_for_ends
from tests.faults.harness.points import Point, bring_to
from tests.journeys import processes
from tests.journeys.clients.aichat import eventually


@pytest.fixture(scope="module")
def supervised_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stages.supervised(tmp_path_factory.mktemp("supervised")) as stage:
        yield stage


def flush_valkey(stage: Stage) -> float:
    stage.valkey.flushall()
    return stage.now()


def kill_valkey(stage: Stage) -> float:
    killed_at = stage.kill("valkey")
    eventually(lambda: _answers(stage.valkey), bool, within=READY_SECONDS)
    return killed_at


def _answers(valkey: redis.Redis) -> bool:
    try:
        return bool(valkey.ping())
    except redis.RedisError:
        return False


def kill_postgres(stage: Stage) -> float:
    killed_at = stage.kill("postgres")
    stage.connect_again()
    return killed_at


def restart_postgres(stage: Stage) -> float:
    """As `pg_ctl restart` does: a fast shutdown, which breaks every connection off; the supervisor starts it again."""
    (doomed,) = [process for process in stage.service.processes() if process.role == "postgres"]
    os.kill(doomed.pid, signal.SIGINT)
    assert processes.left_of([doomed], within=DEAD_SECONDS) == []
    stage.connect_again()
    return stage.now()


def break_midstream(stage: Stage, fault: Callable[[Stage], float]) -> dict[Way, Outcome]:
    """A turn of every way stands in the middle of its stream; the fault; then the upstream goes on."""
    stage.begin_anew()
    turns = [bring_to(stage, Point.MIDSTREAM, way) for way in Way]
    broken_at = fault(stage)
    stage.upstream.release()
    wait_for_ends(stage, turns, broken_at=broken_at)
    return {turn.way: look(stage, turn, broken_at=broken_at) for turn in turns}


def test_a_flushed_valkey_is_noticed_by_nobody(gated_stage: Stage) -> None:
    for outcome in break_midstream(gated_stage, flush_valkey).values():
        expectations.assert_all(outcome, UNTOUCHED)


@pytest.mark.faults
@pytest.mark.parametrize("fault", [kill_valkey, kill_postgres, restart_postgres])
def test_a_restarted_store_is_noticed_by_nobody(supervised_stage: Stage, fault: Callable[[Stage], float]) -> None:
    for outcome in break_midstream(supervised_stage, fault).values():
        expectations.assert_all(outcome, UNTOUCHED)


def test_a_killed_web_process_cuts_its_callers_off_and_ends_no_turn(gated_stage: Stage) -> None:
    outcomes = break_midstream(gated_stage, lambda stage: stage.kill("web"))

    for outcome in outcomes.values():
        assert outcome.turn.caller.broke
        expectations.assert_ended(outcome, UNTOUCHED)
        expectations.assert_attempts(outcome, UNTOUCHED)
        expectations.assert_messages(outcome, UNTOUCHED)
        expectations.assert_goes_on(outcome)
    for way in (Way.JSON, Way.STREAM):
        expectations.assert_readers_are_told(outcomes[way], UNTOUCHED)
