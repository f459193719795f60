"""The order of stopping and its deadlines."""

import pytest

from project.supervisor.stopping import KILL_AFTER_SECONDS, Role, grace_seconds, roles_to_stop

PROMISED_SECONDS = 5.0
DEFAULT_DRAIN_SECONDS = 3.0


@pytest.mark.parametrize(
    ("alive", "elapsed", "asked"),
    [
        (set(Role), 0.0, (Role.WEB,)),
        (set(Role), 0.4, (Role.WEB,)),
        (set(Role), 0.5, (Role.WEB, Role.WORKER)),
        ({Role.WORKER, Role.STORE}, 0.1, (Role.WORKER,)),
        ({Role.WEB, Role.STORE}, 0.1, (Role.WEB,)),
        ({Role.WEB, Role.STORE}, 3.0, (Role.WEB,)),
        ({Role.WORKER, Role.STORE}, 3.0, (Role.WORKER,)),
        ({Role.STORE}, 0.0, (Role.STORE,)),
    ],
)
def test_stops_web_then_workers_then_the_stores(alive: set[Role], elapsed: float, asked: tuple[Role, ...]) -> None:
    assert roles_to_stop(alive=alive, elapsed=elapsed) == asked


def test_never_stops_a_store_while_something_may_still_write_to_it() -> None:
    for role in (Role.WEB, Role.WORKER):
        assert Role.STORE not in roles_to_stop(alive={role, Role.STORE}, elapsed=1000.0)


def test_ends_everything_within_the_promised_time_even_when_all_are_stuck() -> None:
    front = grace_seconds(Role.WEB, drain_seconds=DEFAULT_DRAIN_SECONDS)
    stores = grace_seconds(Role.STORE, drain_seconds=DEFAULT_DRAIN_SECONDS) + KILL_AFTER_SECONDS

    assert front + stores < PROMISED_SECONDS


@pytest.mark.parametrize("drain_seconds", [0.0, 3.0, 60.0])
def test_leaves_a_worker_all_of_its_time_to_drain(drain_seconds: float) -> None:
    assert grace_seconds(Role.WORKER, drain_seconds=drain_seconds) > drain_seconds
