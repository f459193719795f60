"""The supervisor's loop: forwards the children's output, restarts children that end, and stops all in order."""

import functools
import os
import selectors
import subprocess
import time
from collections.abc import Callable

from project.embedded.errors import CannotStart
from project.supervisor import stopping
from project.supervisor.children import restarts
from project.supervisor.children.child import Child
from project.supervisor.children.output import LineReader, Output
from project.supervisor.signals import StopSignals

NAME = "parley"
# Exits and signals wake the loop at once; this only bounds how late a lost wake-up is noticed.
POLL_SECONDS = 1.0
# While the loop waits for something that does not wake it: a store becoming ready, a deadline while stopping.
SHORT_POLL_SECONDS = 0.02
KILL_SECONDS = 1.0
REQUESTS_TO_END_AT_ONCE = 2


class Supervisor:
    """Must run in the main thread: the kernel sends the children's death signal when that thread ends."""

    def __init__(self, *, output: Output, signals: StopSignals) -> None:
        # Not epoll, which refuses regular files: the output may be one.
        self.selector = selectors.PollSelector()
        self.selector.register(signals.fd, selectors.EVENT_READ, signals.drain)
        self._children: list[Child] = []
        self._output = output
        self._signals = signals
        self._is_stopping = False

    def report(self, text: str) -> None:
        """Print a line of the supervisor's own."""
        self._output.line(NAME, text.encode())

    def announce(self, text: str) -> None:
        """Print lines without a prefix, so that they can be pasted."""
        self._output.block(text)

    def start(self, child: Child) -> None:
        """Start a child and keep it running. Raises CannotStart when the first start fails."""
        self._children.append(child)
        self._start_process(child)

    def wait_until(self, condition: Callable[[], bool], *, poll_seconds: float = POLL_SECONDS) -> None:
        """Run the loop until `condition` holds. Raises KeyboardInterrupt when a request to stop comes first."""
        while not condition():
            if self._signals.requests:
                raise KeyboardInterrupt
            self._poll_once(poll_seconds)

    def stop(self, *, drain_seconds: float) -> None:
        """End every child: web, workers, then the stores. A second request to stop ends them at once."""
        self._is_stopping = True
        began = time.monotonic()
        while (alive := self._alive()) and self._signals.requests < REQUESTS_TO_END_AT_ONCE:
            now = time.monotonic()
            due = stopping.roles_to_stop(alive={child.role for child in alive}, elapsed=now - began)
            for child in (child for child in alive if child.role in due):
                self._escalate_stop(child, now=now, drain_seconds=drain_seconds)
            self._poll_once(SHORT_POLL_SECONDS)
        self._end_all()
        # Their last lines are still in the pipes.
        self._poll_once(0.0)
        self._output.flush(timeout=KILL_SECONDS)

    def _escalate_stop(self, child: Child, *, now: float, drain_seconds: float) -> None:
        if child.stop_requested_at is None:
            child.request_stop(now=now)
            return
        overdue = now - child.stop_requested_at - stopping.grace_seconds(child.role, drain_seconds=drain_seconds)
        if overdue > stopping.KILL_AFTER_SECONDS:
            child.kill()
        elif overdue > 0:
            child.end_at_once()

    def _end_all(self) -> None:
        for end in (Child.end_at_once, Child.kill):
            deadline = time.monotonic() + KILL_SECONDS
            for child in self._children:
                end(child)
            while self._alive() and time.monotonic() < deadline:
                self._poll_once(SHORT_POLL_SECONDS)

    def _alive(self) -> list[Child]:
        return [child for child in self._children if child.is_alive]

    def _poll_once(self, seconds: float) -> None:
        due = [child.restart_at for child in self._children if child.restart_at is not None]
        seconds = min([seconds, *(max(0.0, at - time.monotonic()) for at in due)])
        for key, _ in self.selector.select(SHORT_POLL_SECONDS if self._output.is_waiting else seconds):
            key.data()
        for child in self._children:
            if exit_text := child.reap():
                self._schedule_restart(child, exit_text)
            if child.restart_at is not None and child.restart_at <= time.monotonic() and not self._is_stopping:
                self._restart(child)
        self._output.flush()

    def _start_process(self, child: Child) -> None:
        try:
            lines = LineReader(child.start(now=time.monotonic()))
        except (OSError, subprocess.SubprocessError) as exc:
            raise CannotStart(f"Cannot start {child.name}: {exc}") from None
        self.selector.register(
            lines.fd, selectors.EVENT_READ, functools.partial(self._forward_lines, child.name, lines)
        )

    def _restart(self, child: Child) -> None:
        try:
            self._start_process(child)
        except CannotStart as exc:
            self._schedule_restart(child, f"could not be started ({exc})")

    def _forward_lines(self, name: str, reader: LineReader) -> None:
        lines = reader.read()
        if lines is None:
            self.selector.unregister(reader.fd)
            os.close(reader.fd)
            return
        for line in lines:
            self._output.line(name, line)

    def _schedule_restart(self, child: Child, exit_text: str) -> None:
        if self._is_stopping:
            return
        now = time.monotonic()
        child.exits = restarts.record(child.exits, started_at=child.started_at, ended_at=now)
        pause = restarts.pause_seconds(child.exits)
        child.restart_at = now + pause
        self.report(f"{child.name} {exit_text}; starting it again {f'in {pause:g} s' if pause else 'at once'}")
