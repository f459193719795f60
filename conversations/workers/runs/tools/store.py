"""Writes a run's steps down while it goes on; while the database is away, again and again for some seconds."""

from collections.abc import Callable, Sequence

import structlog
from django.db import DatabaseError, connection

from conversations.services.runs.claim import ClaimedRun
from conversations.services.runs.tools import steps
from conversations.services.transactions import retry_on_deadlock, retry_while_away
from conversations.values.tool_calls import CallEnd, StepRecord
from conversations.workers.runs.process import RunHandle

log = structlog.get_logger(__name__)


class NotOurs(Exception):
    """The run is another attempt's by now, or has ended: whatever this one does changes nothing any more."""


class StepStore:
    """Of one attempt. Its methods raise NotOurs, CallAborted, and DatabaseError for what is refused or stays away."""

    def __init__(self, run: ClaimedRun, handle: RunHandle) -> None:
        self._run = run
        self._handle = handle

    def add(self, step: StepRecord) -> None:
        self._write(lambda: steps.add(run=self._run, step=step))

    def begin(self, number: int, indexes: Sequence[int]) -> None:
        if indexes:
            self._write(lambda: steps.begin(run=self._run, number=number, indexes=indexes))

    def end(self, number: int, ended: Sequence[CallEnd]) -> None:
        if ended:
            self._write(lambda: steps.end(run=self._run, number=number, ended=ended))

    def _write(self, write: Callable[[], bool]) -> None:
        again = retry_on_deadlock(write)
        try:
            is_ours = retry_while_away(again, log_away=self._log_away, wait=self._handle.wait)
        finally:
            # None is held while a model or a tool works.
            connection.close()
        if not is_ours:
            raise NotOurs

    def _log_away(self, exc: DatabaseError) -> None:
        log.warning("run_step_not_written", run_id=self._run.public_id, error=type(exc).__name__)
