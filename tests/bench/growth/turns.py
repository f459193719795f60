"""A stored turn: what it costs each process, its three statements, and what it writes."""

from dataclasses import replace

from tests.bench.figures import Spread
from tests.bench.growth import Measured, statements
from tests.bench.growth.statements import Connection, Statement
from tests.bench.load.job import Form
from tests.bench.service.environment import Environment

ROLES = ("web", "worker", "postgres")
TURNS, SECONDS, WARM_UP_SECONDS = 240, 60.0, 2.0

# Each statement by what no other has.
STATEMENTS = {
    "START": ("INSERT INTO conversations_conversation", "conversations_message"),
    "CLAIM": ("WITH RECURSIVE", "busy", "provider_metadata", "attempt"),
    "FINISH": ("INSERT INTO conversations_runattempt", "INSERT INTO conversations_message"),
}
_UPDATES = """
SELECT c.relname, count(DISTINCT b.start_lsn) FILTER (WHERE b.record_type LIKE 'HOT%%'), count(DISTINCT b.start_lsn)
FROM pg_get_wal_block_info(%s, %s) b
JOIN pg_class c ON c.relfilenode = b.relfilenode
WHERE b.resource_manager = 'Heap' AND b.record_type LIKE '%%UPDATE%%' GROUP BY c.relname
"""
_WAL = """
SELECT sum(record_size) / 1024.0, sum(fpi_size) / 1024.0,
       COALESCE(sum(count) FILTER (WHERE "resource_manager/record_type" LIKE 'Btree/INSERT%%'), 0)
FROM pg_get_wal_stats(%s, %s, true)
"""


def measured(environment: Environment, *, key: str, what: str, periodic: frozenset[int]) -> Measured:
    """Of PostgreSQL's times only those that turns cause; its CPU is all that it used meanwhile."""
    job = replace(environment.job(form=Form.JSON, clients=1, turns=TURNS, seconds=SECONDS), key=key)
    environment.load(replace(job, seconds=WARM_UP_SECONDS))
    environment.wait_until_calm()
    with environment.database() as connection:
        before, begin = statements.snapshot(connection), _position(connection)
        outcome, cost = environment.measure(job)
        end = _position(connection)
        found = statements.since(before, statements.snapshot(connection))
        ran = [one for queryid, one in found.items() if queryid not in periodic]
        written = _written(connection, begin, end, turns=outcome.turns)
    return {
        f"{what}: p50 ms": Spread.of(outcome.total_ms).p50,
        f"{what}: p99 ms": Spread.of(outcome.total_ms).p99,
        **{
            f"{what}: {role} CPU ms": cost.service[role] * 1000 / outcome.turns
            for role in ("web", "worker", "postgres")
        },
        f"{what}: PostgreSQL ms": sum(one.ms for one in ran) / outcome.turns,
        f"{what}: blocks": sum(one.blocks for one in ran) / outcome.turns,
        **{f"{what}: {name}": value for name, value in _by_statement(ran).items()},
        **{f"{what}: {name}": value for name, value in written.items()},
    }


def _by_statement(ran: list[Statement]) -> Measured:
    found: Measured = {}
    for name, marks in STATEMENTS.items():
        calls = [one for one in ran if all(mark in one.text for mark in marks)]
        number = sum(one.calls for one in calls)
        found[f"{name} ms"] = sum(one.ms for one in calls) / number if number else None
        found[f"{name} blocks"] = sum(one.blocks for one in calls) / number if number else None
    return found


def _position(connection: Connection) -> int:
    [position] = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone() or (0,)
    return position


def _written(connection: Connection, begin: int, end: int, *, turns: int) -> Measured:
    [records, images, entries] = connection.execute(_WAL, [begin, end]).fetchone() or (0, 0, 0)
    found: Measured = {
        "WAL kB, records": float(records) / turns,
        "WAL kB, page images": float(images) / turns,
        "index entries": float(entries) / turns,
    }
    updates = {str(name): (hot, all_) for name, hot, all_ in connection.execute(_UPDATES, [begin, end]).fetchall()}
    for table in ("run", "activerun", "message", "conversation"):
        hot, all_ = updates.get(f"conversations_{table}", (0, 0))
        found[f"updates of {table}"] = all_ / turns
        found[f"HOT % of {table}"] = 100 * hot / all_ if all_ else None
    return found
