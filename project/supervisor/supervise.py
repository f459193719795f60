"""The loop: passes the children's lines on, starts again what died, and stops everything in order."""

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
# Only bounds how late a lost wake-up is noticed; deaths and signals wake the loop at once.
TURN_SECONDS = 1.0
# While something is awaited that wakes nobody: a store that becomes ready, a deadline of stopping.
SHORT_TURN_SECONDS = 0.02
KILL_SECONDS = 1.0
REQUESTS_TO_END_AT_ONCE = 2


class Supervisor:
    """Everything happens in the main thread, to which the kernel ties the children's death signal."""

    def __init__(self, *, output: Output, signals: StopSignals) -> None:
        # Not epoll: the output may be a file, and a poll never fails for one.
        self.selector = selectors.PollSelector()
        self.selector.register(signals.fd, selectors.EVENT_READ, signals.drain)
        self._children: list[Child] = []
        self._output = output
        self._signals = signals
        self._is_stopping = False

    def say(self, text: str) -> None:
        self._output.line(NAME, text.encode())

    def announce(self, text: str) -> None:
        """Lines without a prefix, to be read and pasted."""
        self._output.block(text)

    def start(self, child: Child) -> None:
        """Start a child and keep it running. Raises CannotStart when this first start is impossible."""
        self._children.append(child)
        self._begin(child)

    def wait_until(self, condition: Callable[[], bool], *, turn_seconds: float = TURN_SECONDS) -> None:
        """Go on until `condition` holds. Raises KeyboardInterrupt when a request to stop comes first."""
        while not condition():
            if self._signals.requests:
                raise KeyboardInterrupt
            self._turn(turn_seconds)

    def stop(self, *, drain_seconds: float) -> None:
        """End every child: web, workers, beat, then the stores. A second request to stop ends them at once."""
        self._is_stopping = True
        began = time.monotonic()
        while (alive := self._alive()) and self._signals.requests < REQUESTS_TO_END_AT_ONCE:
            now = time.monotonic()
            due = stopping.roles_to_tell(alive={child.role for child in alive}, elapsed=now - began)
            for child in (child for child in alive if child.role in due):
                self._escalate_stop(child, now=now, drain_seconds=drain_seconds)
            self._turn(SHORT_TURN_SECONDS)
        self._end_the_rest()
        # What they said last is still in their pipes.
        self._turn(0.0)
        self._output.flush(timeout=KILL_SECONDS)

    def _escalate_stop(self, child: Child, *, now: float, drain_seconds: float) -> None:
        if child.told_at is None:
            child.tell_to_stop(now=now)
            return
        overdue = now - child.told_at - stopping.patience_seconds(child.role, drain_seconds=drain_seconds)
        if overdue > stopping.LAST_SECONDS:
            child.kill()
        elif overdue > 0:
            child.end_at_once()

    def _end_the_rest(self) -> None:
        for end in (Child.end_at_once, Child.kill):
            deadline = time.monotonic() + KILL_SECONDS
            for child in self._children:
                end(child)
            while self._alive() and time.monotonic() < deadline:
                self._turn(SHORT_TURN_SECONDS)

    def _alive(self) -> list[Child]:
        return [child for child in self._children if child.is_alive]

    def _turn(self, seconds: float) -> None:
        due = [child.restart_at for child in self._children if child.restart_at is not None]
        seconds = min([seconds, *(max(0.0, at - time.monotonic()) for at in due)])
        for key, _ in self.selector.select(SHORT_TURN_SECONDS if self._output.is_waiting else seconds):
            key.data()
        for child in self._children:
            if ending := child.take_ending():
                self._schedule_restart(child, ending)
            if child.restart_at is not None and child.restart_at <= time.monotonic() and not self._is_stopping:
                self._begin_again(child)
        self._output.flush()

    def _begin(self, child: Child) -> None:
        try:
            lines = LineReader(child.start(now=time.monotonic()))
        except (OSError, subprocess.SubprocessError) as exc:
            raise CannotStart(f"Cannot start {child.name}: {exc}") from None
        self.selector.register(lines.fd, selectors.EVENT_READ, functools.partial(self._pass_on, child.name, lines))

    def _begin_again(self, child: Child) -> None:
        try:
            self._begin(child)
        except CannotStart as exc:
            self._schedule_restart(child, f"could not be started ({exc})")

    def _pass_on(self, name: str, reader: LineReader) -> None:
        lines = reader.read()
        if lines is None:
            self.selector.unregister(reader.fd)
            os.close(reader.fd)
            return
        for line in lines:
            self._output.line(name, line)

    def _schedule_restart(self, child: Child, ending: str) -> None:
        if self._is_stopping:
            return
        now = time.monotonic()
        child.deaths = restarts.record(child.deaths, started_at=child.started_at, died_at=now)
        pause = restarts.pause_seconds(child.deaths)
        child.restart_at = now + pause
        self.say(f"{child.name} {ending}; starting it again {f'in {pause:g} s' if pause else 'at once'}")
