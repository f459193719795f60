"""A private Valkey on a Unix socket, with an append-only file, so that queued work survives a restart."""

import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from project.embedded import directories, paths
from project.embedded.errors import CannotStart
from project.embedded.process import Command

_PING_SECONDS = 1.0
_FORMER_SERVER_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Valkey:
    """`is_durable=False` is for tests: nothing is written to disk. `max_memory` is in bytes."""

    data_dir: Path
    program: Path
    is_durable: bool = True
    max_memory: int

    name = "valkey"

    def prepare(self) -> Command:
        """Do all that must be done before any start, and say how to start. Raises CannotStart."""
        directory = paths.valkey_dir(self.data_dir)
        directories.make(directory)
        sockets = directories.make_socket_dir(data_dir=self.data_dir)
        self._wait_for_former_server(directory)
        config = {
            "port": "0",
            "unixsocket": str(sockets / paths.VALKEY_SOCKET),
            "unixsocketperm": "700",
            "dir": str(directory),
            "daemonize": "no",
            "save": "",
            "appendonly": "yes" if self.is_durable else "no",
            "appendfsync": "everysec",
            "maxmemory": str(self.max_memory),
            # Of what expires anyway, what was longest unused makes room: logs of runs that have ended, whose answers
            # PostgreSQL has. Wake-ups never expire and so are never dropped; what is counted or renewed every few
            # seconds goes last.
            "maxmemory-policy": "volatile-lru",
            "maxmemory-samples": "10",
            "loglevel": "warning",
        }
        args = [str(self.program)]
        for name, value in config.items():
            args += [f"--{name}", value]
        return Command(args=args, env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"})

    def is_ready(self) -> bool:
        path = paths.socket_dir(self.data_dir) / paths.VALKEY_SOCKET
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_PING_SECONDS)
            try:
                connection.connect(str(path))
                connection.sendall(b"PING\r\n")
                # While it reads its file it answers -LOADING.
                return connection.recv(64).startswith(b"+PONG")
            except OSError:
                return False

    def finish(self) -> None:
        """Nothing has to be made in it."""

    def _wait_for_former_server(self, directory: Path) -> None:
        deadline = time.monotonic() + _FORMER_SERVER_SECONDS
        while self.is_ready():
            if time.monotonic() > deadline:
                raise CannotStart(f"A Valkey server already runs in {directory}: stop it first")
            time.sleep(0.02)
