"""Databases of our own on the stores of the test run, and URLs that lead to them through a proxy."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from redis.connection import ConnectionPool

from tests.faults.harness.tcp_proxy import Address, TcpProxy

DATABASE = "parley_faults"
# Other tests use database 0.
VALKEY_DATABASE = 1


@contextlib.contextmanager
def new_database(name: str = DATABASE) -> Iterator[str]:
    url = os.environ["DATABASE_URL"]
    drop = f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(drop)
        connection.execute(f"CREATE DATABASE {name}")
        yield make_conninfo(url, dbname=name)
        connection.execute(drop)


def postgres_address(url: str) -> Address:
    given = conninfo_to_dict(url)
    host, port = str(given["host"]), int(given.get("port") or 5432)
    return f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)


def database_url_through(proxy: TcpProxy, url: str) -> str:
    """Without encryption, so that the proxy can parse the connection."""
    given: dict[str, Any] = dict(conninfo_to_dict(url))
    user, password = quote(str(given["user"])), quote(str(given.get("password") or ""))
    return f"postgresql://{user}:{password}@127.0.0.1:{proxy.port}/{DATABASE}?sslmode=disable&gssencmode=disable"


def valkey_address() -> Address:
    given = ConnectionPool.from_url(os.environ["REDIS_URL"]).connection_kwargs
    return str(given["path"]) if "path" in given else (given["host"], given["port"])


def valkey_url_through(proxy: TcpProxy) -> str:
    password = ConnectionPool.from_url(os.environ["REDIS_URL"]).connection_kwargs.get("password")
    login = f":{quote(password)}@" if password else ""
    return f"redis://{login}127.0.0.1:{proxy.port}/{VALKEY_DATABASE}"
