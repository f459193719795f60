"""What dies or hangs: the worker at every point of a turn, and the stores."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import redis

from tests.faults.harness.callers import Way
from tests.faults.harness.environment import DEAD_SECONDS, READY_SECONDS, Environment, ProxiedEnvironment
from tests.faults.harness.expectations import Result, completed, failed
from tests.faults.harness.outcomes import Outcome, observe, wait_for_ends
from tests.faults.harness.points import FIRST, PIECES, SECOND, Point, Turn, bring_to
from tests.journeys import processes
from tests.waiting import eventually

Expected = Callable[[Turn], Result]
UNINTERRUPTED = partial(completed, text=FIRST, attempts=["completed"], calls=1)
CLAIMED_AGAIN = partial(completed, text=FIRST, attempts=["lost", "completed"], calls=1)
RESTARTED = partial(completed, text=SECOND, attempts=["lost", "completed"], calls=2)
FAILED = partial(failed, attempts=["lost"], calls=1)
#                          (nobody saw text, somebody read a stream)
EXPECTED: dict[Point, tuple[Expected, Expected]] = {
    Point.NOT_ENQUEUED: (UNINTERRUPTED, UNINTERRUPTED),
    Point.ACCEPTED: (UNINTERRUPTED, UNINTERRUPTED),
    Point.CLAIMED: (CLAIMED_AGAIN, CLAIMED_AGAIN),
    Point.ASKED: (RESTARTED, RESTARTED),
    Point.FIRST_TOKEN: (RESTARTED, partial(FAILED, shown=PIECES[0])),
    Point.MIDSTREAM: (RESTARTED, partial(FAILED, shown="".join(PIECES[:3]))),
    Point.LAST_TOKEN: (RESTARTED, partial(FAILED, shown=FIRST)),
    Point.COMMITTED: (UNINTERRUPTED, UNINTERRUPTED),
}
# Turns that only wait come last: a sweep wakes a run again that has waited for five seconds.
ORDER = sorted(Point, key=lambda point: point in (Point.ACCEPTED, Point.NOT_ENQUEUED))


def crash(environment: ProxiedEnvironment, way: Way) -> dict[Point, Outcome]:
    """Bring a turn to each point, kill the worker once, and observe what becomes of each turn."""
    environment.reset()
    turns = [bring_to(environment, point, way) for point in ORDER]
    killed_at = environment.kill("worker")
    for turn in turns:
        if turn.held and turn.point is Point.NOT_ENQUEUED:
            turn.held.let_pass()
        elif turn.held:
            turn.held.drop()
    wait_for_ends(environment, turns, broken_at=killed_at)
    return {turn.point: observe(environment, turn, broken_at=killed_at) for turn in turns}


def expected_of(turn: Turn) -> Result:
    return EXPECTED[turn.point][turn.way.is_read_live](turn)


def flush_valkey(environment: Environment) -> float:
    environment.valkey.flushall()
    return environment.now()


def kill_valkey(environment: Environment) -> float:
    killed_at = environment.kill("valkey")
    eventually(lambda: _answers(environment.valkey), bool, within=READY_SECONDS)
    return killed_at


def _answers(valkey: redis.Redis) -> bool:
    try:
        return bool(valkey.ping())
    except redis.RedisError:
        return False


def kill_postgres(environment: Environment) -> float:
    killed_at = environment.kill("postgres")
    environment.reconnect()
    return killed_at


def restart_postgres(environment: Environment) -> float:
    """As `pg_ctl restart`: a fast shutdown, which closes every connection. The supervisor starts it again."""
    (doomed,) = [process for process in environment.service.processes() if process.role == "postgres"]
    os.kill(doomed.pid, signal.SIGINT)
    assert processes.left_of([doomed], within=DEAD_SECONDS) == []
    environment.reconnect()
    return environment.now()


@contextmanager
def frozen(environment: Environment, role: str = "postgres") -> Iterator[None]:
    """The server and all its sessions are stopped (SIGSTOP), as on a machine that hangs."""
    pids = [
        process.pid
        for process in environment.service.processes()
        if process.role == role or process.args[0].startswith(f"{role}:")
    ]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
