"""The database backend. Django imports `base.DatabaseWrapper` from the package that ENGINE names."""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base, features
from psycopg_pool import ConnectionPool

from project.postgresql.schema import DatabaseSchemaEditor


class DatabaseFeatures(features.DatabaseFeatures):
    # Before it there is no release that PostgreSQL's authors still mend. Django refuses it when it connects.
    minimum_database_version = (15,)


class DatabaseWrapper(base.DatabaseWrapper):
    """Checks a pooled connection without a round trip.

    Django's `CONN_HEALTH_CHECKS` would ask the server at every checkout: one round trip more for each turn's single
    statement. A connection that the server closed is readable, so here the server is asked only then.
    """

    SchemaEditorClass = DatabaseSchemaEditor
    features_class = DatabaseFeatures

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        # Each round removes a broken connection from the pool, so the loop ends: with a new one or the pool's error.
        while self.pool and not is_alive(connection):
            connection.close()
            self.pool.putconn(connection)
            connection = self.pool.getconn()
        return connection


def is_alive(connection: "psycopg.Connection[Any]") -> bool:
    """Whether an idle connection can be used, as far as can be told without waiting."""
    poll = select.poll()
    try:
        poll.register(connection.fileno(), select.POLLIN)
        if not poll.poll(0):
            return True
        # Readable: the connection was closed, or there is only a notice. The server has to be asked.
        ConnectionPool.check_connection(connection)
    except psycopg.Error:
        return False
    return True
