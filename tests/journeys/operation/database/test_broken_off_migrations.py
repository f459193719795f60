"""Journey: what is left of a migration that was killed, and who else may hold its tables."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from project.embedded import paths
from tests.journeys.service import ROOT, Service
from tests.waiting import eventually

NEXT_RELEASE = "tests.journeys.operation.database.next_release"
_BUILDING = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%'"
_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('run_by_sample')"
_VACUUMED = "SELECT count(*) FROM pg_stat_progress_vacuum WHERE relid = to_regclass('large')"
ADD_COLUMN = """
from django.db import connection
from project.migration import patience
def add_column():
    with connection.schema_editor() as editor:
        editor.execute("ALTER TABLE large ADD COLUMN extra int")
patience.migrate(connection, add_column, report=print)
"""


@pytest.fixture(scope="module")
def own_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(data_dir=tmp_path_factory.mktemp("broken-off") / "var") as service:
        yield service


@pytest.fixture
def watcher(own_service: Service) -> "Iterator[psycopg.Connection[Any]]":
    with psycopg.connect(paths.database_url(own_service.data_dir), autocommit=True) as connection:
        yield connection


def migrate_online(service: Service) -> "subprocess.Popen[str]":
    command = [sys.executable, str(ROOT / "manage.py"), "migrate_online"]
    env = {**service.env, "DJANGO_SETTINGS_MODULE": NEXT_RELEASE}
    return subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def one(connection: "psycopg.Connection[Any]", sql: str) -> Any:
    row = connection.execute(sql).fetchone()
    return row[0] if row else None


def test_goes_on_after_it_was_killed_while_it_built_an_index(
    own_service: Service, watcher: "psycopg.Connection[Any]"
) -> None:
    with psycopg.connect(paths.database_url(own_service.data_dir)) as reader:
        # A build waits for every older snapshot, and nothing else does.
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1")
        with migrate_online(own_service) as killed:
            eventually(lambda: one(watcher, _BUILDING), lambda count: count == 1, within=60)
            killed.kill()
        # The server notices that its client is gone, and gives up too.
        eventually(lambda: one(watcher, _BUILDING), lambda count: count == 0, within=60)
    assert one(watcher, _VALID) is False

    with migrate_online(own_service) as again:
        said, _ = again.communicate(timeout=100)

    assert again.returncode == 0, said
    assert one(watcher, _VALID) is True
    assert own_service.readiness() == (200, [])


@pytest.mark.faults
def test_autovacuum_makes_way(own_service: Service, watcher: "psycopg.Connection[Any]") -> None:
    # It would work on this table for hours.
    for setting in ("naptime = '1s'", "vacuum_cost_delay = '100ms'", "vacuum_cost_limit = 1"):
        watcher.execute(f"ALTER SYSTEM SET autovacuum_{setting}")
    watcher.execute("SELECT pg_reload_conf()")
    watcher.execute("CREATE TABLE large AS SELECT i AS id, repeat('x', 200) FROM generate_series(1, 200000) i")
    watcher.execute("DELETE FROM large WHERE id % 2 = 0")
    eventually(lambda: one(watcher, _VACUUMED), lambda count: count == 1, within=60)

    own_service.in_shell(ADD_COLUMN)

    assert (
        one(watcher, "SELECT count(*) FROM pg_attribute WHERE attrelid = 'large'::regclass AND attname = 'extra'") == 1
    )
    assert "canceling autovacuum task" in own_service.log
