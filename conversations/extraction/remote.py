"""The server process as its parent sees it: started when the first document comes, and again when it has ended."""

import atexit
import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from conversations.extraction.process import reports
from conversations.extraction.process.limits import Limits
from conversations.shares import LOOK_SECONDS, Wanted, always

_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = "conversations.extraction.process.server"
# Then the server gives its memory back; the next document waits half a second for a new one.
IDLE_SECONDS = 600.0
# The server ends a child that is late, so this is for a server that hangs. It may have to start first.
_GRACE_SECONDS = 30.0
_END_SECONDS = 5.0
# All that Python needs. What else is in the environment, such as keys, no document may get at.
_PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "TMPDIR",
)


class ServerGone(Exception):
    """The server has ended, and with it what it was doing."""


class _Process:
    """Raises OSError where it cannot be started."""

    def __init__(self, arguments: Sequence[str], *, give_up_seconds: float) -> None:
        self._control, theirs = socket.socketpair()
        self._sending = threading.Lock()
        with theirs:
            try:
                self._popen = subprocess.Popen(  # noqa: S603 - our own program
                    [sys.executable, "-m", _PROGRAM, str(theirs.fileno()), *arguments],
                    env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                    cwd=_ROOT,
                    stdin=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,  # Ctrl-C reaches the supervisor alone
                )
            except BaseException:
                self._control.close()
                raise
        self.pid = self._popen.pid
        # A server that takes no requests must not hold those who wait for their turn to send one.
        self._control.settimeout(give_up_seconds)

    def send(self, fds: list[int]) -> None:
        """Raises OSError."""
        with self._sending:
            socket.send_fds(self._control, [b"\0"], fds)

    def end(self) -> None:
        """Its children die with it."""
        self._popen.kill()
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(_END_SECONDS)

    def forget(self) -> None:
        """In a child of this process: the server is the parent's."""
        self._control.close()
        self._popen.returncode = 0


class Remote:
    def __init__(self, limits: Limits, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._arguments = [
            str(value) for value in (limits.memory_bytes, limits.cpu_seconds, limits.wall_seconds, idle_seconds)
        ]
        self._give_up_seconds = limits.wall_seconds + _GRACE_SECONDS
        self._process: _Process | None = None
        self._starting = threading.Lock()

    def run(self, question_fd: int, answer_fd: int, *, is_wanted: Wanted = always) -> bytes:
        """Have a document read, and return how that ended (`reports`). Raises ServerGone, and OSError for a system that
        has no room for the server.
        """
        process = self._started()
        ours, theirs = os.pipe()
        try:
            try:
                process.send([question_fd, answer_fd, theirs])
            except OSError as exc:
                self._end(process)
                raise ServerGone from exc
            finally:
                os.close(theirs)
            # The server ends the child when our end of the pipe is closed.
            report = _read(ours, seconds=self._give_up_seconds, is_wanted=is_wanted)
        finally:
            os.close(ours)
        if not report:
            self._end(process)
            raise ServerGone
        return report

    def forget(self) -> None:
        """After a fork, in the child."""
        self._starting = threading.Lock()
        if self._process:
            self._process.forget()
            self._process = None

    def close(self) -> None:
        with self._starting:
            process, self._process = self._process, None
        if process:
            process.end()

    @property
    def pid(self) -> int:
        """Of the server that runs; 0 when there is none."""
        return self._process.pid if self._process else 0

    def _started(self) -> _Process:
        with self._starting:
            if self._process is None:
                atexit.unregister(self.close)
                self._process = _Process(self._arguments, give_up_seconds=self._give_up_seconds)
                atexit.register(self.close)
            return self._process

    def _end(self, process: _Process) -> None:
        """End this one, if another thread has not done so and started the next."""
        with self._starting:
            if self._process is process:
                self._process = None
                process.end()


def _read(fd: int, *, seconds: float, is_wanted: Wanted) -> bytes:
    """Empty when the server has ended, or does not answer."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    ends_at = time.monotonic() + seconds
    while (left := ends_at - time.monotonic()) > 0:
        if poll.poll(min(left, LOOK_SECONDS) * 1000):
            return os.read(fd, reports.MAX_BYTES)
        if not is_wanted():
            return reports.NOT_WANTED
    return b""
