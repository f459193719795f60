"""Pools are as large as wanted where the database has room, and shrink together where it has not."""

import pytest

from project.postgresql import pool_sizes
from project.postgresql.pool_sizes import LEAST, WANTED, PoolSizes


def sizes(web: int, admin: int, worker: int) -> PoolSizes:
    return PoolSizes(web=web, admin=admin, worker=worker)


@pytest.mark.parametrize(
    ("connections", "web_processes", "worker_processes", "expected"),
    [
        (0, 64, 64, WANTED),
        (97, 1, 2, WANTED),
        # What once ended in "too many clients".
        (97, 4, 8, sizes(5, 4, 5)),
        (120, 4, 8, sizes(7, 4, 7)),
        (134, 4, 8, WANTED),
        (60, 4, 8, LEAST),
        # Even the least is too much: `serve` refuses to start.
        (20, 4, 8, LEAST),
    ],
)
def test_sizes_follow_the_counts_of_processes(
    connections: int, web_processes: int, worker_processes: int, expected: PoolSizes
) -> None:
    found = pool_sizes.for_service(
        connections=connections, web_processes=web_processes, worker_processes=worker_processes
    )

    assert found == expected


@pytest.mark.parametrize("connections", range(60, 140))
def test_all_processes_together_open_no_more_than_allowed(connections: int) -> None:
    found = pool_sizes.for_service(connections=connections, web_processes=4, worker_processes=8)

    assert found.needed(web_processes=4, worker_processes=8) <= connections


def test_a_service_needs_what_its_processes_may_open_and_some_spare() -> None:
    assert sizes(8, 4, 8).needed(web_processes=4, worker_processes=8) == 4 * 12 + 10 * 8 + 6
