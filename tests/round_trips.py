"""How often a call waits for the database: what libpq itself says that it has sent, whoever made the statements."""

import tempfile
from collections.abc import Callable

from django.db import connection


def count(call: Callable[[], object]) -> int:
    """Of this thread's Django connection. Each request to the server ends with a Sync, or is a simple Query."""
    connection.ensure_connection()
    with tempfile.TemporaryFile() as trace:
        connection.connection.pgconn.trace(trace.fileno())
        try:
            call()
        finally:
            connection.connection.pgconn.untrace()
        trace.seek(0)
        sent = [line.split(b"\t") for line in trace if b"\tF\t" in line]
    return sum(fields[3].strip() in (b"Sync", b"Query") for fields in sent)
