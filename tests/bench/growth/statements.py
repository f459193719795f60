"""What PostgreSQL itself says of the statements that ran (pg_stat_statements), and of the WAL that they wrote."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

import psycopg

from tests.bench.service.environment import Environment
from tests.bench.service.programs import BenchFailed

Connection = psycopg.Connection[tuple[int, ...]]
# Some rounds of every periodic duty.
IDLE_SECONDS = 10.0
SWEEP_SECONDS = 3.0
REPEATS = 5

_SNAPSHOT = """
SELECT queryid, query, calls, total_exec_time, shared_blks_hit + shared_blks_read FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND query NOT LIKE '%pg\\_stat\\_%'
"""


@dataclass(frozen=True, slots=True)
class Statement:
    text: str
    calls: int
    ms: float
    blocks: int

    @property
    def excerpt(self) -> str:
        """Its text without what all of them have."""
        return " ".join(self.text.replace('"', "").replace("conversations_", "").split())


Snapshot = Mapping[int, Statement]


def install(environment: Environment) -> None:
    """Load the extension, which needs a restart of the server."""
    with environment.database() as connection:
        connection.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
    environment.restart()
    with environment.database() as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_walinspect")


def snapshot(connection: Connection) -> Snapshot:
    rows: list[tuple[int, str, int, float, int]] = connection.execute(_SNAPSHOT).fetchall()  # type: ignore[assignment]
    return {queryid: Statement(text, calls, ms, blocks) for queryid, text, calls, ms, blocks in rows}


def since(before: Snapshot, now: Snapshot) -> dict[int, Statement]:
    """Those that ran in between."""
    nothing = Statement("", 0, 0.0, 0)
    found = {}
    for queryid, seen in now.items():
        known = before.get(queryid, nothing)
        if seen.calls > known.calls:
            found[queryid] = Statement(
                seen.text, seen.calls - known.calls, seen.ms - known.ms, seen.blocks - known.blocks
            )
    return found


def idle(environment: Environment) -> tuple[dict[int, Statement], float]:
    """What runs when nobody asks, and for how many seconds that was watched."""
    environment.wait_until_calm()
    with environment.database() as connection:
        before, began = snapshot(connection), time.monotonic()
        time.sleep(IDLE_SECONDS)
        return since(before, snapshot(connection)), time.monotonic() - began


class Probe:
    """Measures single requests by the time that PostgreSQL works for them; what runs anyway does not count."""

    def __init__(self, environment: Environment, *, periodic: frozenset[int]) -> None:
        self._environment = environment
        self._periodic = periodic

    def ms(self, ask: Callable[[], bool]) -> tuple[float, float] | None:
        """Medians of PostgreSQL's and of the caller's milliseconds; None when `ask` says that it was not answered."""
        if not ask():
            return None
        inside, outside = [], []
        with self._environment.database() as connection:
            for _ in range(REPEATS):
                before, began = snapshot(connection), time.monotonic()
                if not ask():
                    raise BenchFailed("a request was answered once, and then no more")
                outside.append((time.monotonic() - began) * 1000)
                ran = since(before, snapshot(connection))
                inside.append(sum(one.ms for queryid, one in ran.items() if queryid not in self._periodic))
        return median(inside), median(outside)
