"""Journey: what the whole service takes of a small machine while it does nothing."""

from collections.abc import Iterator

import pytest

from tests.journeys import processes
from tests.journeys.service import Service
from tests.waiting import eventually

# With two workers for runs: 273 MB when this was written. A role that is not forked takes 80 MB more.
MOST_MB = 320.0
# Until the last connections are open and what the start needed is returned.
SETTLED_SECONDS = 60.0
ROLES = ("web", "worker", "upkeep", "knowledge")


@pytest.fixture
def small_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(data_dir=tmp_path_factory.mktemp("memory") / "var", env={"WORKER_PROCESSES": "2"}) as service:
        yield service


def memory_mb(service: Service) -> float:
    everybody = [service.pid, *(process.pid for process in service.processes())]
    return sum(processes.pss_mb(pid) for pid in everybody)


def pids(service: Service) -> list[int]:
    return [pid for role in ROLES for pid in service.pids(role)]


def test_takes_little_memory_at_rest_and_after_a_restart_of_every_role(small_service: Service) -> None:
    eventually(small_service.readiness, lambda seen: seen == (200, []))
    at_rest = eventually(lambda: memory_mb(small_service), lambda seen: seen < MOST_MB, within=SETTLED_SECONDS)
    before = pids(small_service)
    for role in ROLES:
        small_service.kill(role)
    eventually(
        lambda: pids(small_service),
        lambda seen: len(seen) == 5 and not set(seen) & set(before),
        within=SETTLED_SECONDS,
    )
    eventually(small_service.readiness, lambda seen: seen == (200, []), within=SETTLED_SECONDS)

    restarted = eventually(lambda: memory_mb(small_service), lambda seen: seen < MOST_MB, within=SETTLED_SECONDS)

    # Less than half of it would mean that it was not all counted.
    assert MOST_MB / 2 < at_rest < MOST_MB
    assert MOST_MB / 2 < restarted < MOST_MB
