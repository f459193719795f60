"""Who can reach the private PostgreSQL when root cannot make a user namespace for it (Docker's default)."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from project.embedded import binaries, identity, paths, stores
from project.embedded.identity import Identity
from project.embedded.postgres import Postgres

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")

NOBODY = 65534


def refuse() -> None:
    raise PermissionError(1, "unshare")


@pytest.fixture
def postgres(monkeypatch: pytest.MonkeyPatch) -> Iterator[Postgres]:
    """In a directory that every user can reach. The kernel's refusal is simulated: a test cannot change the kernel."""
    monkeypatch.setattr(identity, "namespace", lambda: Identity(name="namespace", uid=0, gid=0, become=refuse))
    place = Path(tempfile.mkdtemp(prefix="parley-test-"))
    place.chmod(0o755)
    yield Postgres(data_dir=place / "var", bin_dir=binaries.postgres_bin_dir(), is_durable=False)
    shutil.rmtree(place)


@contextmanager
def running(postgres: Postgres) -> Iterator[psycopg.Connection]:
    log = postgres.data_dir.with_name("postgres.log")
    with stores.running([postgres], log=log), psycopg.connect(paths.database_url(postgres.data_dir)) as connection:
        yield connection


def as_nobody(*args: str | Path, group: int = NOBODY) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, args)], user=NOBODY, group=group, extra_groups=[], capture_output=True, text=True, check=False
    )


def owners(directory: Path) -> set[int]:
    return {path.lstat().st_uid for path in (directory, *directory.rglob("*"))}


def test_we_reach_it_and_nobody_does_not(postgres: Postgres) -> None:
    with running(postgres) as connection:
        found = connection.execute("SELECT current_user").fetchone()
        pid = int((paths.postgres_dir(postgres.data_dir) / "postmaster.pid").read_text().split()[0])
        uid = Path(f"/proc/{pid}").stat().st_uid
        tried = [
            as_nobody("ls", postgres.data_dir),
            as_nobody("cat", paths.postgres_dir(postgres.data_dir) / "pg_hba.conf"),
            as_nobody("ls", f"/proc/{pid}/cwd/"),
            as_nobody("kill", "-TERM", str(pid)),
            as_nobody("test", "-S", paths.socket_dir(postgres.data_dir) / ".s.PGSQL.5432"),
        ]

    assert found == ("parley",)
    assert uid not in (0, NOBODY)
    assert [one.returncode == 0 for one in tried] == [False] * 5


def test_what_belonged_to_nobody_is_taken_over(postgres: Postgres) -> None:
    """As earlier releases left the files."""
    with running(postgres) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        connection.commit()
    directory, sockets = paths.postgres_dir(postgres.data_dir), paths.socket_dir(postgres.data_dir)
    for path in (directory, *directory.rglob("*"), sockets):
        os.lchown(path, NOBODY, NOBODY)
    postgres.data_dir.chmod(0o711)

    with running(postgres) as connection:
        found = connection.execute("SELECT number FROM kept").fetchone()
        reached = as_nobody("ls", postgres.data_dir)

    assert found == (7,)
    assert NOBODY not in owners(directory) | owners(sockets)
    assert reached.returncode != 0


def test_it_goes_back_to_a_namespace_where_that_is_allowed_again(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(postgres):
        pass
    monkeypatch.undo()

    with running(postgres) as connection:
        found = connection.execute("SELECT 1").fetchone()

    assert found == (1,)
