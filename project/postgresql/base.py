"""Where Django looks for a backend: `ENGINE` names the package, the class is `base.DatabaseWrapper`."""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    """Django asks the server at every checkout from the pool (`CONN_HEALTH_CHECKS`): a round trip before each turn's
    one statement. An idle connection that the server closed can be read from, so here only such a one is asked.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        # Each round takes a broken one out of the pool for good, so it ends: with a new one or with the pool's error.
        while self.pool and not lives(connection):
            connection.close()
            self.pool.putconn(connection)
            connection = self.pool.getconn()
        return connection


def lives(connection: "psycopg.Connection[Any]") -> bool:
    """Whether an idle connection is there to be used, as far as can be told without waiting."""
    poll = select.poll()
    try:
        poll.register(connection.fileno(), select.POLLIN)
        if not poll.poll(0):
            return True
        # The end of the connection, or only a notice: asking tells.
        ConnectionPool.check_connection(connection)
    except psycopg.Error:
        return False
    return True
