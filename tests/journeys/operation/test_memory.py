"""Journey: what the whole service takes of a small machine while it does nothing."""

from collections.abc import Iterator

import pytest

from tests.journeys import processes
from tests.journeys.service import Service
from tests.waiting import eventually

# What a role has written itself: 20 to 30 MB when this was written. One that is not forked has 100.
OWN_MOST_MB = 50.0
SHARED_LEAST_MB = 50.0
# Until the last connections are open and what the start needed is returned.
SETTLED_SECONDS = 60.0
ROLES = ("web", "worker", "upkeep", "knowledge")


@pytest.fixture
def small_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(data_dir=tmp_path_factory.mktemp("memory") / "var", env={"WORKER_PROCESSES": "2"}) as service:
        yield service


def are_forked(service: Service) -> bool:
    """Whether each role has most of its memory from the process that it was forked from."""
    return all(
        0 < processes.memory_mb(pid, "Private_Dirty") < OWN_MOST_MB
        and processes.memory_mb(pid, "Shared_Dirty") > SHARED_LEAST_MB
        for pid in pids(service)
    )


def pids(service: Service) -> list[int]:
    return [pid for role in ROLES for pid in service.pids(role)]


def test_takes_little_memory_at_rest_and_after_a_restart_of_every_role(small_service: Service) -> None:
    eventually(small_service.readiness, lambda seen: seen == (200, []))
    before = pids(small_service)
    assert len(before) == 5
    eventually(lambda: are_forked(small_service), bool, within=SETTLED_SECONDS)
    for role in ROLES:
        small_service.kill(role)

    eventually(
        lambda: pids(small_service),
        lambda seen: len(seen) == 5 and not set(seen) & set(before),
        within=SETTLED_SECONDS,
    )
    eventually(small_service.readiness, lambda seen: seen == (200, []), within=SETTLED_SECONDS)
    eventually(lambda: are_forked(small_service), bool, within=SETTLED_SECONDS)
