"""A database of its own, for migrations from one release to another."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

DATABASE = "parley_upgraded"


@pytest.fixture
def database() -> Iterator[psycopg.Connection[Any]]:
    url = os.environ["DATABASE_URL"]
    drop = f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(drop)
        server.execute(f"CREATE DATABASE {DATABASE}")
        with psycopg.connect(url, dbname=DATABASE, autocommit=True) as connection:
            yield connection
        server.execute(drop)


@pytest.fixture
def migrate() -> Callable[[str], None]:
    """Takes it to the migration of this number, forwards or back."""

    def run(target: str) -> None:
        url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{DATABASE}").geturl()
        command = [sys.executable, "manage.py", "migrate", "--verbosity=0", "conversations", target]
        subprocess.run(command, env={**os.environ, "DATABASE_URL": url}, check=True)

    return run
