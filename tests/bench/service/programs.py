"""Starts and ends the two processes of the bench itself."""

import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import IO, Self

from tests.bench.load.job import Job, Outcome

START_SECONDS = 10.0
# Besides the job's own seconds: for the last answers and for reading long streams.
GRACE_SECONDS = 40.0


class BenchFailed(Exception):
    """A case has no figures. The text says why."""


class Program:
    """A module of the load, run by `python -m`. It ends when its standard input ends."""

    def __init__(self, module: str) -> None:
        command = [sys.executable, "-m", f"tests.bench.load.{module}"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def stdin(self) -> IO[bytes]:
        assert self.process.stdin
        return self.process.stdin

    def line(self, *, within: float) -> bytes:
        """The next line that it prints. Raises BenchFailed when there is none in time."""
        assert self.process.stdout
        readable, _, _ = select.select([self.process.stdout], [], [], within)
        if not (line := self.process.stdout.readline() if readable else b""):
            raise BenchFailed(f"{self.process.args!r} output nothing within {within} s: {self._last_words()}")
        return line

    def end(self) -> None:
        self.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(1.0)
        self.process.kill()
        self.process.wait()

    def _last_words(self) -> str:
        """Its traceback, if it failed."""
        self.process.kill()
        _, errors = self.process.communicate()
        return errors.decode(errors="replace")[-3000:]


class Upstream(Program):
    def __init__(self) -> None:
        super().__init__("upstream")
        self.port = int(self.line(within=START_SECONDS))

    def release(self) -> None:
        """Release the held answers."""
        self.process.send_signal(signal.SIGUSR1)


class Generator(Program):
    """One job, started at once."""

    def __init__(self, job: Job) -> None:
        super().__init__("generator")
        self._job = job
        self._ends_at = time.monotonic() + job.seconds + GRACE_SECONDS
        self.stdin.write(job.line())

    def wait_until_open(self, *, within: float) -> None:
        """Wait until every client has the first byte of an answer. Raises BenchFailed."""
        self.line(within=within)

    def outcome(self) -> Outcome:
        """Wait for the end; returns the outcome. Raises BenchFailed when any answer was wrong."""
        try:
            output, errors = self.process.communicate(timeout=max(1.0, self._ends_at - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise BenchFailed(f"the load did not end in time: {self._last_words()}") from None
        if self.process.returncode:
            raise BenchFailed(errors.decode(errors="replace")[-3000:])
        return Outcome.read(output.splitlines()[-1])
