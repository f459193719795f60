"""One supervised process: how it is started, and what became of it."""

import os
import signal
import subprocess
from collections.abc import Callable

from project.embedded import process
from project.embedded.process import Command
from project.supervisor.children.restarts import Deaths
from project.supervisor.stopping import Role


class Child:
    """`prepare` is asked before every start, so a store can clear what its last life left behind."""

    def __init__(self, *, name: str, role: Role, prepare: Callable[[], Command]) -> None:
        self.name = name
        self.role = role
        self.deaths = Deaths()
        self.started_at = 0.0
        self.restart_at: float | None = None
        self.told_at: float | None = None
        self._prepare = prepare
        self._command: Command | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *, now: float) -> int:
        """Start the process; returns the end of the pipe its lines come from.

        Raises CannotStart, OSError or subprocess.SubprocessError.
        """
        self.started_at, self.restart_at = now, None
        self._command = self._prepare()
        read_fd, write_fd = os.pipe()
        try:
            self._process = process.start(self._command, output=write_fd)
        except BaseException:
            os.close(read_fd)
            raise
        finally:
            os.close(write_fd)
        return read_fd

    def take_ending(self) -> str | None:
        """How the process ended, told once; None while it lives, or when there is none."""
        if self._process is None or self._process.poll() is None:
            return None
        code, self._process = self._process.returncode, None
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"

    def tell_to_stop(self, *, now: float) -> None:
        self.told_at = now
        if self._process and self._command:
            self._process.send_signal(self._command.stop_signal)

    def end_at_once(self) -> None:
        """Without waiting for anything, but as a store survives it best."""
        if self._process and self._command:
            self._process.send_signal(self._command.death_signal)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
