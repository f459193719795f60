"""A private PostgreSQL on a Unix socket: made on the first start, kept, and run from any binaries."""

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

# A small machine's share; the rest of PostgreSQL's defaults serve well.
_CONFIG = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(paths.POSTGRES_PORT),
    "shared_buffers": "128MB",
    "max_connections": "100",
    "jit": "off",
    "log_checkpoints": "off",
    # An error's statement, detail and context quote what customers and models said.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_FOR_TESTS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
_STATUS_LINE = 8
# Not the caller's: a PGPORT or PGDATA of the developer's would be obeyed.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """`is_durable=False` is for tests: nothing is synced, so a power cut loses everything."""

    data_dir: Path
    bin_dir: Path
    is_durable: bool = True

    name = "postgres"

    def prepare(self) -> Command:
        """Do all that must be done before any start, and say how to start. Raises CannotStart."""
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
            identity.give(directory=path, identity=who)
        return self._command(directory, sockets=sockets, who=who, bin_dir=bin_dir)

    def is_ready(self) -> bool:
        """As pg_ctl tells: the last line of the pid file. Connecting too early would fill the log with FATAL lines."""
        try:
            lines = (paths.postgres_dir(self.data_dir) / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= _STATUS_LINE and lines[_STATUS_LINE - 1].strip() == "ready"

    def finish(self) -> None:
        """Make the service's database when it is missing. Called once the server is ready."""
        with self._connect() as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [paths.DATABASE_NAME])
            if found.fetchone() is None:
                connection.execute(f"CREATE DATABASE {paths.DATABASE_NAME}")

    def _connect(self) -> psycopg.Connection:
        url = paths.database_url(self.data_dir)
        return psycopg.connect(url, dbname="postgres", autocommit=True, connect_timeout=5)

    def _runner(self) -> tuple[Identity, Path]:
        """Who runs the server, from which binaries."""
        program = self.bin_dir / "postgres"
        who = identity.myself() if os.geteuid() else identity.namespace()
        if identity.can_run(identity=who, program=program, directory=self.data_dir):
            return who, self.bin_dir
        if os.geteuid():
            raise CannotStart(f"Cannot run {program} in {self.data_dir}: set DATA_DIR to a directory of your own")
        return self._run_as_own_user()

    def _run_as_own_user(self) -> tuple[Identity, Path]:
        """Root without namespaces (Docker's default): that user must reach the data and the binaries, and no other."""
        who = identity.own_user()
        # Our own directory only: the way to it stays as its owner wants it.
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
        told = process.run(Command(args=[str(self.bin_dir / "postgres"), "--version"], env=_ENVIRONMENT))
        match = re.search(r"\d+(\.\d+)*", told.stdout)
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
        """Made aside and renamed, so that a start that was killed half-way leaves nothing to trip over."""
        for unfinished in self.data_dir.glob(f"{directory.name}.new-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        made = Path(tempfile.mkdtemp(prefix=f"{directory.name}.new-", dir=self.data_dir))
        maker = identity.maker(who=who)
        identity.give(directory=made, identity=maker)
        args = [str(bin_dir / "initdb"), "-D", str(made), "-U", paths.DATABASE_USER, "-A", "trust", "-E", "UTF8"]
        args += ["--locale=C.UTF-8", "--no-instructions", *([] if self.is_durable else ["--no-sync"])]
        done = process.run(Command(args=args, env=_ENVIRONMENT, cwd=self.data_dir, become=maker.become))
        if done.returncode != 0:
            shutil.rmtree(made, ignore_errors=True)
            raise CannotStart(f"PostgreSQL's initdb failed: {' '.join(done.stderr.split()) or done.returncode}")
        made.rename(directory)

    def _command(self, directory: Path, *, sockets: Path, who: Identity, bin_dir: Path) -> Command:
        config = _CONFIG | {"unix_socket_directories": str(sockets)} | ({} if self.is_durable else _FOR_TESTS)
        args = [str(bin_dir / "postgres"), "-D", str(directory)]
        for name, value in config.items():
            args += ["-c", f"{name}={value}"]
        return Command(
            args=args,
            env=_ENVIRONMENT,
            become=who.become,
            stop_signal=signal.SIGINT,  # "fast": sessions are ended, then a checkpoint is written
            death_signal=signal.SIGQUIT,  # "immediate": its children go with it at once; the log is replayed
        )
