"""What the database allows is asked before anything starts, and what does not fit is refused with the numbers."""

from collections.abc import Iterator

import psycopg
import pytest
from pytest_django import Settings

from project.embedded import binaries, paths, stores
from project.embedded.errors import CannotStart
from project.embedded.postgres import Postgres
from project.postgresql import pool_sizes
from project.supervisor import database_connections


@pytest.fixture(scope="module")
def owner_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server that has 28 connections, three of them for superusers."""
    data_dir = tmp_path_factory.mktemp("small") / "var"
    postgres = Postgres(data_dir=data_dir, bin_dir=binaries.postgres_bin_dir(), is_durable=False, max_connections=28)
    with stores.running([postgres], log=data_dir.with_name("postgres.log")):
        url = paths.database_url(data_dir)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE ROLE guest LOGIN")
        yield url


@pytest.fixture
def url(owner_url: str) -> Iterator[str]:
    """As a role that is no superuser. The limits that a test sets are gone after it."""
    yield owner_url.replace("parley@", "guest@")
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("ALTER ROLE guest CONNECTION LIMIT -1")
        connection.execute("ALTER DATABASE parley CONNECTION LIMIT -1")


def change(owner_url: str, sql: str) -> None:
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute(sql)


def counts(settings: Settings, *, web: int, workers: int, connections: int = 0) -> None:
    settings.WEB_PROCESSES, settings.WORKER_PROCESSES, settings.DATABASE_CONNECTIONS = web, workers, connections


def test_asks_the_server_for_what_is_left_of_its_connections(settings: Settings, url: str) -> None:
    counts(settings, web=1, workers=2)

    assert database_connections.allowed(url=url) == 25


@pytest.mark.parametrize("whose", ["ROLE guest", "DATABASE parley"])
def test_the_limit_of_the_role_or_the_database_counts(settings: Settings, url: str, owner_url: str, whose: str) -> None:
    counts(settings, web=1, workers=1)

    change(owner_url, f"ALTER {whose} CONNECTION LIMIT 21")

    assert database_connections.allowed(url=url) == 21


def test_a_superuser_has_no_other_limit_than_the_server(settings: Settings, url: str, owner_url: str) -> None:
    counts(settings, web=1, workers=1)

    change(owner_url, "ALTER DATABASE parley CONNECTION LIMIT 21")

    assert database_connections.allowed(url=owner_url) == 25


def test_refuses_what_does_not_fit_with_the_numbers(settings: Settings, url: str) -> None:
    counts(settings, web=2, workers=3)

    with pytest.raises(CannotStart) as refused:
        database_connections.allowed(url=url)

    assert str(refused.value) == (
        "The database allows this service 25 connections, and its processes need 33: 6 for each of 2 web processes, "
        "3 for each of 3 workers, for upkeep and for knowledge, and 6 spare. Either raise max_connections (or the "
        "limit of the role or the database) there, or lower WEB_PROCESSES or WORKER_PROCESSES"
    )


def test_the_setting_is_believed_without_asking(settings: Settings) -> None:
    """Behind a pooler the server's own limit says nothing."""
    counts(settings, web=2, workers=3, connections=33)

    assert database_connections.allowed(url="postgresql://nobody@127.0.0.1:1/nothing") == 33


def test_the_setting_must_be_enough_too(settings: Settings) -> None:
    counts(settings, web=2, workers=3, connections=32)

    with pytest.raises(CannotStart) as refused:
        database_connections.allowed(url="")

    assert str(refused.value) == (
        "DATABASE_CONNECTIONS is 32, and its processes need 33: 6 for each of 2 web processes, "
        "3 for each of 3 workers, for upkeep and for knowledge, and 6 spare. Either raise it, or lower WEB_PROCESSES "
        "or WORKER_PROCESSES"
    )


def test_a_server_that_is_away_is_named_without_its_password(settings: Settings) -> None:
    counts(settings, web=1, workers=1)

    with pytest.raises(CannotStart) as refused:
        database_connections.allowed(url="postgresql://nobody:secret-word@127.0.0.1:1/nothing")

    assert str(refused.value).startswith("The database cannot be used (DATABASE_URL): ")
    assert "secret-word" not in str(refused.value)


def test_the_embedded_server_has_what_the_processes_want(settings: Settings) -> None:
    counts(settings, web=4, workers=8)
    settings.POOL_SIZES = pool_sizes.WANTED

    assert database_connections.for_embedded() == 4 * 12 + 10 * 8 + 6 + 3
    assert database_connections.allowed(url="") == 0


def test_a_small_service_leaves_room_for_its_developer(settings: Settings) -> None:
    counts(settings, web=1, workers=1)
    settings.POOL_SIZES = pool_sizes.WANTED

    assert database_connections.for_embedded() == 50
