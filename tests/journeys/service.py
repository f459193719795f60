"""A whole `manage.py serve`, started as a user would, and observed from outside."""

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import requests

from project.embedded import process
from project.embedded.process import Command
from tests.journeys import migrated, processes
from tests.journeys.commands import Commands
from tests.journeys.processes import Process

ROOT = Path(__file__).resolve().parent.parent.parent
READY = re.compile(r"^Parley is ready at (\S+) after ([\d.]+) s$", re.MULTILINE)
# More than any promise, and than a machine needs that does much else; tests of a promised time assert it themselves.
PATIENCE_SECONDS = 180.0
# Migrating an empty database takes 8 s of CPU: a minute and more on a machine where ten such tests run at once.
START_SECONDS = 300.0
PORTS = (20_000, 32_768)


def free_port() -> int:
    """Below those that the kernel gives away: whoever asks it for any port meanwhile does not get this one."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(*PORTS)))
            return int(probe.getsockname()[1])


class Service:
    """`data_dir` may be one of an earlier service. `env`: the settings; it inherits nothing else but PATH.

    `from_nothing`: it makes its database itself. Otherwise that is copied from one made before.
    """

    def __init__(self, *, data_dir: Path, env: Mapping[str, str] | None = None, from_nothing: bool = False) -> None:
        self.data_dir = data_dir
        self._from_nothing = from_nothing
        self.port = free_port()
        self.env = {
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(data_dir),
            "PORT": str(self.port),
            "WORKER_PROCESSES": "1",
            # Many tests hold more answers of one key at once than the default allows.
            "CONCURRENT_RUNS": "0",
            **(env or {}),
        }
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.api_key = self.env.get("PARLEY_API_KEY", "")
        self.seconds_to_ready = 0.0
        self.log_path = data_dir.with_name(f"{data_dir.name}.{self.port}.log")
        self._process: subprocess.Popen[bytes] | None = None
        self._commands = Commands(self.env)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    @property
    def pid(self) -> int:
        return self._running().pid

    def launch(self) -> None:
        """Start it, without waiting."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        if not (self._from_nothing or "DATABASE_URL" in self.env or self.data_dir.exists()):
            migrated.copy(data_dir=self.data_dir)
        # When the tests are killed, it stops in order.
        serve = Command(
            args=[sys.executable, str(ROOT / "manage.py"), "serve"], env=self.env, death_signal=signal.SIGTERM
        )
        with self.log_path.open("wb") as log:
            self._process = process.start(serve, output=log.fileno())

    def start(self) -> Self:
        """Start it and wait until it is ready."""
        began = time.monotonic()
        self.launch()
        self.wait_for(READY, within=START_SECONDS)
        self.seconds_to_ready = time.monotonic() - began
        if found := re.search(r"API key +(sk-\S+)", self.log):
            self.api_key = found[1]
        return self

    def wait_for(self, pattern: re.Pattern[str], *, since: int = 0, within: float = PATIENCE_SECONDS) -> re.Match[str]:
        """The first match in the log after `since` characters."""
        deadline = time.monotonic() + within
        while not (found := pattern.search(self.log, since)):
            assert self._running().poll() is None, f"It ended:\n{self.log}"
            assert time.monotonic() < deadline, f"No {pattern.pattern!r} within {within} s:\n{self.log}"
            time.sleep(0.02)
        return found

    def wait(self, *, within: float = PATIENCE_SECONDS) -> int:
        """The exit code, once it has ended by itself."""
        return self._running().wait(within)

    def manage(self, *args: str) -> str:
        """What `manage.py` prints with the settings of this service."""
        command = [sys.executable, str(ROOT / "manage.py"), *args]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def create_key(self, account: str, *options: str) -> str:
        """A new key of an account, which is made when it is new."""
        return self._commands.run("create_key", "--account", account, *options).strip()

    def in_shell(self, code: str) -> None:
        """Run code inside the service's Django, for what has no API."""
        self.manage("shell", "--no-imports", "--command", code)

    def readiness(self) -> tuple[int, list[str]]:
        """Status and failing parts by /readyz."""
        response = requests.get(f"{self.base_url}/readyz", timeout=PATIENCE_SECONDS)
        return response.status_code, response.json()["failing"]

    def processes(self) -> list[Process]:
        """All its processes, including PostgreSQL's own children."""
        return processes.descendants(self.pid)

    def pids(self, role: str) -> list[int]:
        """The pids of one role: web, worker, upkeep, knowledge, postgres, valkey."""
        return [process.pid for process in self.processes() if process.parent == self.pid and process.role == role]

    def kill(self, role: str) -> None:
        """kill -9 every process of a role."""
        for pid in self.pids(role):
            os.kill(pid, signal.SIGKILL)

    def signal(self, number: signal.Signals, *, to_group: bool = False) -> None:
        (os.killpg if to_group else os.kill)(self.pid, number)

    def stop(self) -> int:
        """Stop it as Ctrl-C does, if it still runs, and return its exit code."""
        self._commands.stop()
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGINT)
        return self.wait()

    def kill9(self) -> None:
        """kill -9 the supervisor alone."""
        self.signal(signal.SIGKILL)
        self.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process, "It was never launched"
        return self._process
