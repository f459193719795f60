"""The private PostgreSQL, through starts that went wrong."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from project.embedded import binaries, directories, paths, process, stores
from project.embedded.errors import CannotStart
from project.embedded.postgres import Postgres


@pytest.fixture
def postgres(tmp_path: Path) -> Postgres:
    return Postgres(data_dir=tmp_path / "var", bin_dir=binaries.postgres_bin_dir(), is_durable=False)


@contextmanager
def running(postgres: Postgres) -> Iterator[psycopg.Connection]:
    log = postgres.data_dir.with_name("postgres.log")
    with stores.running([postgres], log=log), psycopg.connect(paths.database_url(postgres.data_dir)) as connection:
        yield connection


def test_makes_the_services_database_with_any_text_in_it(postgres: Postgres) -> None:
    with running(postgres) as connection:
        found = connection.execute("SELECT current_database(), current_user, upper('é你')").fetchone()

    assert found == ("parley", "parley", "É你")


def test_listens_on_its_private_socket_alone(postgres: Postgres) -> None:
    with running(postgres) as connection:
        listens = connection.execute("SHOW listen_addresses").fetchone()

    assert listens == ("",)
    assert paths.socket_dir(postgres.data_dir).stat().st_mode & 0o777 == 0o700


def test_keeps_what_was_written(postgres: Postgres) -> None:
    with running(postgres) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        connection.commit()

    with running(postgres) as connection:
        found = connection.execute("SELECT number FROM kept").fetchone()

    assert found == (7,)


def test_is_not_misled_by_a_first_start_that_was_killed(postgres: Postgres) -> None:
    unfinished = postgres.data_dir / "postgres.new-killed"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")

    with running(postgres) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)

    assert not unfinished.exists()


def test_starts_after_its_pid_was_given_to_another_process(postgres: Postgres) -> None:
    with running(postgres):
        pass
    pid_file = paths.postgres_dir(postgres.data_dir) / "postmaster.pid"
    socket_lock = paths.socket_dir(postgres.data_dir) / ".s.PGSQL.5432.lock"
    # Another process of this user that lives: PostgreSQL alone would take it for a server.
    with subprocess.Popen(["sleep", "60"]) as stranger:
        pid_file.write_text(f"{stranger.pid}\n{pid_file.parent}\n0\n5432\n\n\n\nready\n")
        socket_lock.write_text(f"{stranger.pid}\n{pid_file.parent}\n0\n5432\n{socket_lock.parent}\n")

        with running(postgres) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)

        assert stranger.poll() is None
        stranger.kill()


def test_starts_again_right_after_being_killed(postgres: Postgres) -> None:
    server = process.start(postgres.prepare(), output=None)
    while not postgres.is_ready():
        assert server.poll() is None
    server.send_signal(signal.SIGKILL)
    server.wait()

    with running(postgres) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_refuses_a_directory_of_another_version(postgres: Postgres) -> None:
    directory = paths.postgres_dir(postgres.data_dir)
    directory.mkdir(parents=True)
    (directory / "PG_VERSION").write_text("13\n")

    with pytest.raises(CannotStart, match=r"was made by PostgreSQL 13, and this is 18: dump it"):
        postgres.prepare()


def test_refuses_a_directory_that_holds_something_else(postgres: Postgres) -> None:
    directory = paths.postgres_dir(postgres.data_dir)
    directory.mkdir(parents=True)
    (directory / "thesis.txt").write_text("mine")

    with pytest.raises(CannotStart, match="is not a PostgreSQL data directory"):
        postgres.prepare()

    assert (directory / "thesis.txt").read_text() == "mine"


def test_refuses_a_socket_directory_that_others_can_enter(postgres: Postgres) -> None:
    directory = paths.socket_dir(postgres.data_dir)
    directory.mkdir(parents=True)
    directory.chmod(0o755)

    with pytest.raises(CannotStart, match="must be a directory of your own with mode 0700"):
        postgres.prepare()


def test_refuses_a_data_directory_that_another_service_holds(tmp_path: Path) -> None:
    with (
        directories.lock(data_dir=tmp_path),
        pytest.raises(CannotStart, match=rf"in use by another Parley \(process {os.getpid()}\)"),
    ):
        directories.lock(data_dir=tmp_path)


def test_releases_the_data_directory_when_its_holder_ends(tmp_path: Path) -> None:
    directories.lock(data_dir=tmp_path).close()

    directories.lock(data_dir=tmp_path).close()


def test_its_log_names_an_error_without_quoting_the_statement(postgres: Postgres) -> None:
    """PostgreSQL would quote the statement, the row and the JSON around the fault."""
    said = '{"text": "between us \\u0000"}'
    with running(postgres) as connection:
        for cursor in (connection.cursor(), psycopg.ClientCursor(connection)):
            for sql in ("SELECT %s::jsonb", "SELECT 1 / 0 WHERE %s <> ''"):
                with pytest.raises(psycopg.DataError):
                    cursor.execute(sql, [said])
                connection.rollback()

    log = postgres.data_dir.with_name("postgres.log").read_text()
    assert log.count("ERROR:  unsupported Unicode escape sequence") == 2
    assert log.count("ERROR:  division by zero") == 2
    assert "between us" not in log
