"""Journey: the tables change while turns go on, and while somebody reads them for long."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from project.embedded import paths
from tests.journeys.service import ROOT, Service
from tests.waiting import eventually

NEXT_RELEASE = "tests.journeys.operation.database.next_release"
CALLERS = 8
PAUSE_SECONDS = CALLERS / 50
READER_SECONDS = 9.0
# What a migration may wait for a lock is half a second. Behind the reader it would be nine.
LONGEST_WAIT_SECONDS = 6.0
_WAITING_FOR_A_TABLE = """
SELECT pid, extract(epoch FROM clock_timestamp() - waitstart)::float8 FROM pg_locks
WHERE NOT granted AND locktype = 'relation' AND mode IN ('AccessExclusiveLock', 'ShareRowExclusiveLock')
"""
_FOUND = """
SELECT (SELECT count(*) FROM conversations_run WHERE sample = 1),
       (SELECT convalidated FROM pg_constraint WHERE conname = 'sample_is_said'),
       (SELECT contype FROM pg_constraint WHERE conname = 'message_has_its_own_sample'),
       (SELECT indisvalid FROM pg_index WHERE indexrelid = 'run_by_sample'::regclass)
"""


@dataclass
class Turns:
    """Stored turns, one after another from each caller, about fifty a second in all."""

    service: Service
    statuses: list[int] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        headers = {"Authorization": f"Bearer {self.service.api_key}"}
        body = {"model": "echo", "question": "still there?", "stateful": True}
        with httpx.Client(base_url=self.service.base_url, headers=headers, timeout=60) as client:
            while not self.is_over.wait(PAUSE_SECONDS):
                self.statuses.append(client.post("/aichat/conversations", json=body).status_code)


@dataclass
class Watch:
    """How long anybody has waited for a table in a way that others wait behind."""

    url: str
    longest: float = 0.0
    is_over: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not self.is_over.wait(0.02):
                waits = connection.execute(_WAITING_FOR_A_TABLE).fetchall()
                self.longest = max([self.longest, *(seconds or 0.0 for _, seconds in waits)])


@pytest.fixture
def own_service(tmp_path: Path) -> Iterator[Service]:
    with Service(data_dir=tmp_path / "var", env={"REQUESTS_PER_MINUTE": "0"}) as service:
        yield service


def migrate_online(service: Service, *args: str) -> "subprocess.CompletedProcess[str]":
    """By the next release, beside this one."""
    command = [sys.executable, str(ROOT / "manage.py"), "migrate_online", *args]
    env = {**service.env, "DJANGO_SETTINGS_MODULE": NEXT_RELEASE}
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)


def test_tables_change_beside_turns_and_a_long_reader(own_service: Service) -> None:
    url = paths.database_url(own_service.data_dir)
    turns, watch = Turns(own_service), Watch(url)
    with ThreadPoolExecutor(CALLERS + 2) as threads, psycopg.connect(url) as reader:
        callers = [threads.submit(turns.ask) for _ in range(CALLERS)]
        watching = threads.submit(watch.look)
        eventually(lambda: len(turns.statuses), lambda count: count >= CALLERS)
        reader.execute("SELECT count(*) FROM conversations_run, conversations_message LIMIT 1")
        migrating = threads.submit(migrate_online, own_service)
        time.sleep(READER_SECONDS)
        asked_behind_the_reader = len(turns.statuses)
        reader.rollback()
        done = migrating.result()
        turns.is_over.set()
        watch.is_over.set()
        for future in (*callers, watching):
            future.result()
        found: Any = reader.execute(_FOUND).fetchone()

    assert done.returncode == 0, done.stderr
    assert "conversations.9001_add_column waits for a lock: conversations_" in done.stdout
    assert asked_behind_the_reader > CALLERS
    assert set(turns.statuses) == {200}
    assert 0 < watch.longest < LONGEST_WAIT_SECONDS
    assert found[0] > 0
    assert found[1:] == (True, "u", True)


def test_says_first_what_it_would_do(own_service: Service) -> None:
    planned = migrate_online(own_service, "--plan")

    assert planned.stdout.splitlines()[:3] == [
        "conversations.9001_add_column: runs beside turns",
        "    Add field sample to run",
        "conversations.9002_add_check: runs beside turns",
    ]
    assert own_service.manage("migrate_online") == "The tables are those of this release: there is nothing to do.\n"
