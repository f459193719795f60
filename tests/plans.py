"""What PostgreSQL does to answer a query: its plan, how many rows it reads for it, and which tables from end to end."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

LARGE = {
    f"conversations_{name}"
    for name in (
        *("run", "message", "event", "delivery", "runattempt", "deliveryattempt", "ledgerentry"),
        *("toolcall", "runstep", "content", "reading", "document", "documentcontent", "storedpassage", "termcount"),
        *("visitor", "visitoridentity", "dialogue", "assistedrun"),
    )
}

Node = dict[str, Any]
Parameters = Mapping[str, Any] | Sequence[Any] | None


def plan_of(query: QuerySet[Any] | str, parameters: Parameters = None, *, analyze: bool = False) -> list[Node]:
    """All nodes of the plan, the outermost first. `analyze` also carries the query out."""
    sql, bound = query.query.sql_with_params() if isinstance(query, QuerySet) else (query, parameters)
    options = "ANALYZE, FORMAT JSON" if analyze else "FORMAT JSON"
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN ({options}) {sql}", bound)
        (found,) = cursor.fetchone()
    return list(_nodes((found if isinstance(found, list) else orjson.loads(found))[0]["Plan"]))


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)


def outline(nodes: Sequence[Node]) -> str:
    """What a failing test shows of an analyzed plan: the scans, with what they were expected to find and found."""
    return "; ".join(
        f"{node['Node Type']} {node.get('Index Name', node['Relation Name'])}"
        f" expected {node['Plan Rows']} at cost {node['Total Cost']}, read {_read(node)}"
        for node in nodes
        if "Relation Name" in node and "Scan" in node["Node Type"]
    )


def rows_read(nodes: Sequence[Node]) -> int:
    """Of tables, by an analyzed plan, including the rows that it then left out."""
    return sum(_read(node) for node in nodes if "Relation Name" in node and "Scan" in node["Node Type"])


def _read(node: Node) -> int:
    left_out = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + left_out) * node["Actual Loops"])


def rows_fetched(ask: Callable[[], object], tables: Iterable[str]) -> int:
    """How many rows of these tables PostgreSQL fetches meanwhile, by whatever statements: prepared ones too."""
    sql = """SELECT COALESCE(sum(seq_tup_read + idx_tup_fetch), 0)::bigint FROM pg_stat_xact_user_tables
             WHERE relname = ANY(%s)"""
    counts = []
    for step in (lambda: None, ask):
        step()
        with connection.cursor() as cursor:
            cursor.execute(sql, [list(tables)])
            counts.append(cursor.fetchone()[0])
    return int(counts[1] - counts[0])


def read_from_end_to_end(nodes: Sequence[Node]) -> set[str]:
    """The tables that the plan scans without an index; of an analyzed plan those that it really did scan."""
    scans = (node for node in nodes if node["Node Type"] == "Seq Scan" and node.get("Actual Loops", 1))
    return {node["Relation Name"] for node in scans}


def queries_of(ask: Callable[[], object]) -> list[str]:
    """The SQL of what Django asks the database for meanwhile, with its values, and without transactions."""
    with CaptureQueriesContext(connection) as ran:
        ask()
    words = ("SELECT", "UPDATE", "DELETE", "INSERT", "WITH")
    return [query["sql"] for query in ran.captured_queries if query["sql"].lstrip().startswith(words)]


def costly(ask: Callable[[], object], *, rows_max: int) -> dict[str, Any]:
    """The queries that read more than `rows_max` rows, and the writes that read a large table from end to end."""
    found: dict[str, Any] = {}
    for query in queries_of(ask):
        is_read = query.lstrip().startswith("SELECT")
        nodes = plan_of(query, analyze=is_read)
        if is_read and (rows := rows_read(nodes)) > rows_max:
            found[query[-600:]] = rows
        elif not is_read and (whole := read_from_end_to_end(nodes) & LARGE):
            found[query[-600:]] = whole
    return found
