"""How PostgreSQL carries out a query: the tables that it reads from end to end, and how many rows it reads in all."""

import re
from collections.abc import Iterator
from typing import Any

import orjson
from django.db import connection

Node = dict[str, Any]


def rows_read(sql: str) -> int:
    """The rows that the plan's scans read from tables and indexes, including those they then filtered out."""
    return sum(_rows(node) for node in _nodes(sql))


def whole_tables(sql: str) -> list[str]:
    return [node["Relation Name"] for node in _nodes(sql) if node["Node Type"] == "Seq Scan" and node["Actual Loops"]]


def _rows(node: Node) -> int:
    if "Scan" not in node["Node Type"]:
        return 0
    left_out = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + left_out) * node["Actual Loops"])


def _nodes(sql: str) -> Iterator[Node]:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + re.sub("%", "%%", sql))
        (plan,) = cursor.fetchone()
    yield from _below((plan if isinstance(plan, list) else orjson.loads(plan))[0]["Plan"])


def _below(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("Plans", []):
        yield from _below(child)
