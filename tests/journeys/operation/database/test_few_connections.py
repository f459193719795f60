"""Journey: a database server of the operator's own that has few connections."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psycopg
import pytest

from project.embedded import binaries, paths, stores
from project.embedded.postgres import Postgres
from tests.journeys.clients.aichat import Api
from tests.journeys.service import Service

MAX_CONNECTIONS = 40
CALLERS = 32
TURNS = 320
_OPEN = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data_dir = tmp_path_factory.mktemp("database") / "var"
    program = binaries.postgres_bin_dir()
    postgres = Postgres(data_dir=data_dir, bin_dir=program, is_durable=False, max_connections=MAX_CONNECTIONS)
    with stores.running([postgres], log=data_dir.with_name("postgres.log")):
        yield paths.database_url(data_dir)


def test_serves_many_callers_with_the_connections_there_are(url: str, tmp_path: Path) -> None:
    """Wanted are 2 × 12 for web, 5 × 8 for workers, upkeep and knowledge, and 6 more: 70, where 37 are."""
    env = {"DATABASE_URL": url, "WEB_PROCESSES": "2", "WORKER_PROCESSES": "3", "REQUESTS_PER_MINUTE": "0"}
    with (
        Service(data_dir=tmp_path / "var", env=env) as service,
        psycopg.connect(url, autocommit=True) as watcher,
        ThreadPoolExecutor(CALLERS) as threads,
    ):
        api = Api(service.base_url, service.api_key)
        asked = [threads.submit(partial(api.ask, "who?", model="echo", stateful=True)) for _ in range(TURNS)]
        most = 0
        while not all(turn.done() for turn in asked):
            (open_now,) = watcher.execute(_OPEN).fetchone() or (0,)
            most = max(most, open_now)

        assert {turn.result().status_code for turn in asked} == {200}
        assert 0 < most <= MAX_CONNECTIONS - 3 - 6
        assert "too many clients" not in service.log
        assert "remaining connection slots" not in service.log


def test_does_not_start_with_more_processes_than_there_are_connections_for(url: str, tmp_path: Path) -> None:
    env = {"DATABASE_URL": url, "WEB_PROCESSES": "4", "WORKER_PROCESSES": "8"}
    service = Service(data_dir=tmp_path / "var", env=env)
    service.launch()

    assert service.wait() == 1
    assert (
        "Parley cannot start: The database allows this service 37 connections, and its processes need 60: 6 for each "
        "of 4 web processes, 3 for each of 8 workers, for upkeep and for knowledge, and 6 spare. "
    ) in service.log
