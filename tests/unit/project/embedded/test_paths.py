"""Where the embedded servers keep their files."""

from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from project.embedded import paths


def test_keeps_the_sockets_in_the_data_directory() -> None:
    assert paths.socket_dir(Path("/srv/parley")) == Path("/srv/parley/run")


def test_uses_a_short_directory_of_its_own_when_the_data_directorys_path_is_too_long() -> None:
    long, other = Path("/srv") / ("x" * 100), Path("/srv") / ("y" * 100)

    assert len(str(paths.socket_dir(long) / ".s.PGSQL.5432")) <= 107
    assert paths.socket_dir(long) == paths.socket_dir(long)
    assert paths.socket_dir(long) != paths.socket_dir(other)


def test_counts_bytes_and_not_characters() -> None:
    assert paths.socket_dir(Path("/srv") / ("数" * 40)).parent == paths.SHORT_DIR


def test_names_the_database_by_its_socket_alone() -> None:
    found = conninfo_to_dict(paths.database_url(Path("/srv/a b%c?d")))

    assert found == {"user": "parley", "dbname": "parley", "host": "/srv/a b%c?d/run", "port": "5432"}
