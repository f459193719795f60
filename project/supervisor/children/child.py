"""One supervised process: how it is started and stopped, and how it ended."""

import os
import signal
from collections.abc import Callable
from typing import Protocol

from project.embedded import process
from project.embedded.process import Command
from project.supervisor.children.restarts import ExitHistory
from project.supervisor.stopping import Role


class Running(Protocol):
    """A process that was started: `subprocess.Popen`, or `Forked`."""

    def poll(self) -> int | None: ...

    def send_signal(self, number: int, /) -> None: ...

    def kill(self) -> None: ...


class Launch(Protocol):
    def __call__(self, command: Command, /, *, output: int | None) -> Running: ...


class Child:
    """`prepare` is called before every start, so that a store can remove what its last process left behind."""

    def __init__(
        self, *, name: str, role: Role, prepare: Callable[[], Command], launch: Launch = process.start
    ) -> None:
        self.name = name
        self.role = role
        self.exits = ExitHistory()
        self.started_at = 0.0
        self.restart_at: float | None = None
        self.stop_requested_at: float | None = None
        self._prepare = prepare
        self._launch = launch
        self._command: Command | None = None
        self._process: Running | None = None

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *, now: float) -> int:
        """Start the process; returns the descriptor of the pipe that its output comes from.

        Raises CannotStart, OSError or subprocess.SubprocessError.
        """
        self.started_at, self.restart_at = now, None
        self._command = self._prepare()
        read_fd, write_fd = os.pipe()
        try:
            self._process = self._launch(self._command, output=write_fd)
        except BaseException:
            os.close(read_fd)
            raise
        finally:
            os.close(write_fd)
        return read_fd

    def reap(self) -> str | None:
        """How the process ended, returned once. None while it runs, or when there is none."""
        if self._process is None or (code := self._process.poll()) is None:
            return None
        self._process = None
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"

    def request_stop(self, *, now: float) -> None:
        self.stop_requested_at = now
        if self._process and self._command:
            self._process.send_signal(self._command.stop_signal)

    def end_at_once(self) -> None:
        """Send the death signal, which a store survives without losing data."""
        if self._process and self._command:
            self._process.send_signal(self._command.death_signal)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
