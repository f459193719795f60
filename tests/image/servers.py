"""The embedded PostgreSQL and Valkey, listening on loopback for a container to reach them."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Self

from project.embedded import paths, process, stores
from project.embedded.stores import Store
from tests.journeys.service import free_port
from tests.waiting import eventually

MAX_CONNECTIONS = 100
VALKEY_MAX_MEMORY = 100_000_000
STOP_SECONDS = 30.0


class Server:
    """`options` come last on the command line, where they win."""

    def __init__(self, store: Store, *, options: tuple[str, ...], log: Path) -> None:
        self._store = store
        self._options = options
        self._log = log

    def start(self) -> None:
        command = self._store.prepare()
        self._command = replace(command, args=[*command.args, *self._options])
        with self._log.open("ab") as log:
            self._process: subprocess.Popen[bytes] = process.start(self._command, output=log.fileno())
        eventually(self._store.is_ready, bool)

    def stop(self) -> None:
        self._process.send_signal(self._command.stop_signal)
        self._process.wait(STOP_SECONDS)


class Servers:
    def __init__(self, folder: Path) -> None:
        database_port, redis_port = free_port(), free_port()
        self.database_url = f"postgresql://{paths.DATABASE_USER}@127.0.0.1:{database_port}/{paths.DATABASE_NAME}"
        self.redis_url = f"redis://127.0.0.1:{redis_port}/0"
        data_dir, log = folder / "var", folder / "servers.log"
        # Its socket keeps the name that `on_ready` looks for.
        postgres = stores.postgres(data_dir=data_dir, max_connections=MAX_CONNECTIONS, is_durable=False)
        valkey = stores.valkey(data_dir=data_dir, max_memory=VALKEY_MAX_MEMORY, is_durable=False)
        listening = ("-c", "listen_addresses=127.0.0.1", "-c", f"port={database_port}")
        self.database = Server(postgres, options=listening, log=log)
        self.redis = Server(valkey, options=("--port", str(redis_port), "--bind", "127.0.0.1"), log=log)

    def __enter__(self) -> Self:
        self.redis.start()
        self.database.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.database.stop()
        self.redis.stop()
