"""Removes the files that a killed PostgreSQL left behind, once no server runs any more."""

import os
import time
from pathlib import Path

from project.embedded import paths
from project.embedded.errors import CannotStart

# A server whose supervisor was killed got its death signal at once; this is more than it needs.
WAIT_SECONDS = 5.0


def clear(*, directory: Path, sockets: Path) -> None:
    """Wait for a former server to end and remove its pid files. Raises CannotStart when it does not end.

    PostgreSQL itself only checks whether the pid exists. After a restart of a container another process often has that
    pid, and PostgreSQL would never start.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while pid := _running_server(directory):
        if time.monotonic() > deadline:
            raise CannotStart(f"A PostgreSQL server (process {pid}) already runs in {directory}: stop it first")
        time.sleep(0.02)
    if not Path("/proc/self").exists():
        return
    socket = f".s.PGSQL.{paths.POSTGRES_PORT}"
    for path in (directory / "postmaster.pid", sockets / socket, sockets / f"{socket}.lock"):
        path.unlink(missing_ok=True)


def _running_server(directory: Path) -> int | None:
    """The pid of the server in `directory`: the one its pid file names, if that process serves this directory."""
    try:
        pid = int((directory / "postmaster.pid").read_text().split("\n", 1)[0])
        command = Path(f"/proc/{abs(pid)}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if os.fsencode(directory) in command.split(b"\0") else None
