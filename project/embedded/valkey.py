"""A private Valkey on a Unix socket. Its append-only file keeps queued work over a restart."""

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
        """Prepare the data directory for a start; returns the command. Raises CannotStart."""
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
            # Only keys that expire are evicted, the least recently used first: logs of ended runs, whose answers are
            # in PostgreSQL. Wake-ups never expire, so they are never dropped. Counters and keys that are renewed every
            # few seconds are evicted last.
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
                # While it loads its file it answers -LOADING.
                return connection.recv(64).startswith(b"+PONG")
            except OSError:
                return False

    def on_ready(self) -> None:
        """There is nothing to do."""

    def _wait_for_former_server(self, directory: Path) -> None:
        deadline = time.monotonic() + _FORMER_SERVER_SECONDS
        while self.is_ready():
            if time.monotonic() > deadline:
                raise CannotStart(f"A Valkey server already runs in {directory}: stop it first")
            time.sleep(0.02)
