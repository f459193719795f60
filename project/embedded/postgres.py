"""A private PostgreSQL on a Unix socket, made on the first start and kept."""

import os
import re
import shutil
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg

from project.embedded import binaries, directories, identity, paths, process, stale_files
from project.embedded.errors import CannotStart
from project.embedded.identity import Identity
from project.embedded.process import Command

# Sized for a small machine; everything else is PostgreSQL's default.
_CONFIG = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(paths.POSTGRES_PORT),
    "shared_buffers": "128MB",
    "jit": "off",
    # Of a disk without moving parts. With the default of 4 it takes reading a whole table for cheaper than an index.
    "random_page_cost": "1.1",
    "log_checkpoints": "off",
    # An error's statement, detail and context quote what customers and models wrote.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_FOR_TESTS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
_STATUS_LINE = 8
# Not the caller's environment: the programs would obey a PGPORT or PGDATA in it.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """`is_durable=False` is for tests: nothing is synced, so a power cut loses everything."""

    data_dir: Path
    bin_dir: Path
    is_durable: bool = True
    max_connections: int = 100

    name = "postgres"

    def prepare(self) -> Command:
        """Prepare the data directory for a start; returns the command. Raises CannotStart."""
        directories.make(self.data_dir)
        who, bin_dir = self._runner()
        directory = paths.postgres_dir(self.data_dir)
        sockets = directories.make_socket_dir(data_dir=self.data_dir)
        if directory.exists() and any(directory.iterdir()):
            self._check_version(directory)
            stale_files.clear(directory=directory, sockets=sockets)
        else:
            self._initialise(directory, who=who, bin_dir=bin_dir)
        for path in (directory, sockets):
            identity.change_owner(directory=path, identity=who)
        return self._command(directory, sockets=sockets, who=who, bin_dir=bin_dir)

    def is_ready(self) -> bool:
        """Read from the pid file's last line, as pg_ctl does. Connecting too early would log FATAL lines."""
        try:
            lines = (paths.postgres_dir(self.data_dir) / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= _STATUS_LINE and lines[_STATUS_LINE - 1].strip() == "ready"

    def on_ready(self) -> None:
        """Make the service's database when it is missing."""
        with self._connect() as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [paths.DATABASE_NAME])
            if found.fetchone() is None:
                connection.execute(f"CREATE DATABASE {paths.DATABASE_NAME}")

    def _connect(self) -> psycopg.Connection:
        url = paths.database_url(self.data_dir)
        return psycopg.connect(url, dbname="postgres", autocommit=True, connect_timeout=5)

    def _runner(self) -> tuple[Identity, Path]:
        """The identity that runs the server, and the directory of its binaries. Raises CannotStart."""
        program = self.bin_dir / "postgres"
        who = identity.current_user() if os.geteuid() else identity.namespace()
        if identity.can_run(identity=who, program=program, directory=self.data_dir):
            return who, self.bin_dir
        if os.geteuid():
            raise CannotStart(f"Cannot run {program} in {self.data_dir}: set DATA_DIR to a directory of your own")
        return self._prepare_own_user()

    def _prepare_own_user(self) -> tuple[Identity, Path]:
        """Root without namespaces (Docker's default): a user of its own gets access to the data and binaries."""
        who = identity.own_user()
        # Only our own directory is changed; its parents keep their permissions.
        os.chown(self.data_dir, -1, who.gid)
        self.data_dir.chmod(0o710)
        if identity.can_run(identity=who, program=self.bin_dir / "postgres", directory=self.data_dir):
            return who, self.bin_dir
        if not identity.may_reach(directory=self.data_dir):
            raise CannotStart(
                f"PostgreSQL cannot run as root, and no other user can reach {self.data_dir}: "
                "set DATA_DIR to a directory others may reach, such as /var/lib/parley, or DATABASE_URL"
            )
        return who, binaries.copy_postgres(bin_dir=self.bin_dir, to=self.data_dir / f"postgres-{self._version()}")

    def _version(self) -> str:
        result = process.run(Command(args=[str(self.bin_dir / "postgres"), "--version"], env=_ENVIRONMENT))
        match = re.search(r"\d+(\.\d+)*", result.stdout)
        return match.group() if match else "unknown"

    def _check_version(self, directory: Path) -> None:
        try:
            kept = (directory / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise CannotStart(f"{directory} is not a PostgreSQL data directory: move it away") from None
        major = self._version().split(".")[0]
        if kept != major:
            raise CannotStart(
                f"{directory} was made by PostgreSQL {kept}, and this is {major}: "
                "dump it with the old version and restore it, or set DATA_DIR to a new directory"
            )

    def _initialise(self, directory: Path, *, who: Identity, bin_dir: Path) -> None:
        """Run initdb in a temporary directory and rename it, so that a killed start leaves nothing half done."""
        for unfinished in self.data_dir.glob(f"{directory.name}.new-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        made = Path(tempfile.mkdtemp(prefix=f"{directory.name}.new-", dir=self.data_dir))
        initdb_identity = identity.initdb_identity(who=who)
        identity.change_owner(directory=made, identity=initdb_identity)
        args = [str(bin_dir / "initdb"), "-D", str(made), "-U", paths.DATABASE_USER, "-A", "trust", "-E", "UTF8"]
        args += ["--locale=C.UTF-8", "--no-instructions", *([] if self.is_durable else ["--no-sync"])]
        done = process.run(Command(args=args, env=_ENVIRONMENT, cwd=self.data_dir, become=initdb_identity.become))
        if done.returncode != 0:
            shutil.rmtree(made, ignore_errors=True)
            raise CannotStart(f"PostgreSQL's initdb failed: {' '.join(done.stderr.split()) or done.returncode}")
        made.rename(directory)

    def _command(self, directory: Path, *, sockets: Path, who: Identity, bin_dir: Path) -> Command:
        config = (
            _CONFIG
            | {"unix_socket_directories": str(sockets), "max_connections": str(self.max_connections)}
            | ({} if self.is_durable else _FOR_TESTS)
        )
        args = [str(bin_dir / "postgres"), "-D", str(directory)]
        for name, value in config.items():
            args += ["-c", f"{name}={value}"]
        return Command(
            args=args,
            env=_ENVIRONMENT,
            become=who.become,
            stop_signal=signal.SIGINT,  # "fast" shutdown: sessions are ended, then a checkpoint is written
            death_signal=signal.SIGQUIT,  # "immediate" shutdown: its children end too; the next start replays the log
        )
