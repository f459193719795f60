"""What one worker process holds while it lives: its lease, its clients, and the runs in progress in it.

One thread, the monitor, renews the lease with a single UPDATE for all runs, and aborts the upstream calls of runs that
are cancelled, past their deadline or drained.
"""

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from threading import Event, Lock, Thread

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from conversations.relay import log_marker
from conversations.relay.publish import Flusher
from conversations.routing import transport
from conversations.routing.board import Board
from conversations.rules.runs.run_states import AttemptOutcome
from conversations.services import one_by_one, workers
from conversations.services.upstreams import routes
from conversations.stores import redis_clients
from conversations.workers.runs import recovery
from conversations.workers.runs.context.searcher import Searcher
from conversations.workers.runs.history import HistoryCache
from providers.errors import CallAborted

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 2.0
# Far longer than a claim takes.
CLAIM_WAIT_SECONDS = 0.2
# A cancelled run's call is aborted within two ticks, well inside the second that callers are promised.
TICK_SECONDS = 0.25


@dataclass(slots=True, eq=False)
class RunHandle:
    """How the monitor reaches a run in progress. `deadline` is of `time.monotonic()`.

    `abort_call` aborts the run's upstream call, while it has one. `aborted_as` is the outcome of the attempt whose call
    was aborted; None until then. `may_drain`: an answer has begun that somebody pays for. Such a call may be read until
    `drain_until`, of the same clock, although `aborted_as` is set: for the usage, which vendors report last.
    """

    run_id: int
    deadline: float
    abort_call: Callable[[], None] | None = None
    aborted_as: AttemptOutcome | None = None
    may_drain: bool = False
    drain_until: float | None = None

    def attach(self, abort_call: Callable[[], None]) -> None:
        """For the thread that makes the call. A call that begins after `abort` is aborted at once.

        `abort` sets `aborted_as` before it reads `abort_call`, and this does it the other way round: so one of the two
        aborts the call.
        """
        self.abort_call = abort_call
        if self.aborted_as is not None:
            abort_call()

    def wait(self, seconds: float) -> None:
        """Lets time pass, for the run's own thread. Raises CallAborted at once when the run is aborted."""
        aborted = Event()
        self.attach(aborted.set)
        if aborted.wait(seconds):
            raise CallAborted("The run was aborted while it waited.")

    def abort(self, outcome: AttemptOutcome) -> None:
        """For any thread, and as often as it likes. The first outcome stays."""
        if self.aborted_as is None:
            self.aborted_as = outcome
        if self.abort_call is not None:
            one_by_one.try_step("monitor", f"abort {self.run_id}", self.abort_call)

    def drain(self, outcome: AttemptOutcome, *, until: float) -> None:
        """Stops the run without aborting its call. Whoever reads that sees `aborted_as`, so it is set last."""
        self.drain_until = until
        self.aborted_as = outcome

    @property
    def is_draining(self) -> bool:
        return self.may_drain and self.drain_until is not None


class WorkerProcess:
    def __init__(self, *, queue: str, threads: int | None = None) -> None:
        """`threads`: how many runs, or documents, it works on at once; WORKER_THREADS by default."""
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.worker_id = workers.register(name=self.name, queue=queue, threads=threads or settings.WORKER_THREADS)
        self.http = transport.new()
        self.board = Board(redis_clients.hurried())
        self.flusher = Flusher(redis_clients.client())
        log_marker.keep(redis_clients.client(), worker_name=self.name, has_published=False)
        # Before the first run: the monitor's thread may come later than that.
        one_by_one.try_step("monitor", "upstreams", routes.refresh)
        self.histories = HistoryCache()
        self.is_draining = Event()
        self._drain_deadline = 0.0
        self._claim_lock = Lock()
        self._handles: set[RunHandle] = set()
        self._lock = Lock()
        self._thread = Thread(target=self._monitor, name="worker-monitor", daemon=True)
        self._thread.start()

    @cached_property
    def searcher(self) -> Searcher:
        """Made at the first search of this process."""
        return Searcher()

    @contextmanager
    def track(self, *, run_id: int, deadline_seconds: float) -> Iterator[RunHandle]:
        """The monitor looks after the run for as long as the context is open."""
        handle = RunHandle(run_id=run_id, deadline=time.monotonic() + deadline_seconds)
        with self._lock:
            self._handles.add(handle)
        try:
            yield handle
        finally:
            with self._lock:
                self._handles.discard(handle)

    @contextmanager
    def claiming(self) -> Iterator[None]:
        """Claims of this process come one after another, because each has to see what the one before it took (ADR 18).

        A claim that hangs holds up the others for CLAIM_WAIT_SECONDS only.
        """
        is_acquired = self._claim_lock.acquire(timeout=CLAIM_WAIT_SECONDS)
        try:
            yield
        finally:
            if is_acquired:
                self._claim_lock.release()

    def drain(self, *, seconds: float) -> None:
        """No new runs. Those in progress get `seconds`; then their calls are aborted and they are put back."""
        # A tick early, because the supervisor counts the same seconds and does not wait for the monitor.
        self._drain_deadline = time.monotonic() + seconds - TICK_SECONDS
        self.is_draining.set()

    def stop(self) -> None:
        """An orderly end: runs that still point at this worker are put back without waiting for its lease to lapse."""
        try:
            workers.stop(worker_id=self.worker_id)
        except DatabaseError as exc:
            log.warning("worker_end_not_noted", error=type(exc).__name__)

    def _snapshot(self) -> list[RunHandle]:
        with self._lock:
            return list(self._handles)

    def _monitor(self) -> None:
        next_heartbeat = 0.0
        while True:
            next_heartbeat = self.tick(next_heartbeat=next_heartbeat)
            time.sleep(TICK_SECONDS)

    def tick(self, *, next_heartbeat: float) -> float:
        """One round of the monitor. Returns when the next heartbeat is due, in seconds of `time.monotonic()`.

        Neither a step that fails nor any run ends or delays the monitor.
        """
        now = time.monotonic()
        handles = self._snapshot()
        is_drain_over = self.is_draining.is_set() and now >= self._drain_deadline
        for handle in handles:
            if is_drain_over:
                handle.abort(AttemptOutcome.DRAINED)
            elif now >= handle.deadline:
                self._stop(handle, AttemptOutcome.DEADLINE)
            elif handle.drain_until is not None and handle.aborted_as is not None:
                self._stop(handle, handle.aborted_as)
        if handles:
            one_by_one.try_step("monitor", "cancellations", lambda: self._abort_cancelled(handles))
        if now >= next_heartbeat and one_by_one.try_step("monitor", "heartbeat", lambda: self._heartbeat(handles)):
            one_by_one.try_step("monitor", "orphans", self._recover_orphans)
            one_by_one.try_step("monitor", "upstreams", routes.refresh)
            next_heartbeat = now + HEARTBEAT_SECONDS
        one_by_one.try_step("monitor", "connection", connection.close)
        return next_heartbeat

    def _stop(self, handle: RunHandle, outcome: AttemptOutcome) -> None:
        """Aborts the run's call; not at once where it may be drained."""
        now = time.monotonic()
        if handle.drain_until is not None:
            if now >= handle.drain_until:
                handle.abort(outcome)
        elif handle.aborted_as is None and handle.may_drain and settings.USAGE_DRAIN_SECONDS > 0 and self._may_drain():
            handle.drain(outcome, until=now + settings.USAGE_DRAIN_SECONDS)
        else:
            handle.abort(outcome)

    def _may_drain(self) -> bool:
        return sum(handle.is_draining for handle in self._snapshot()) < settings.USAGE_DRAINS

    def _heartbeat(self, handles: list[RunHandle]) -> None:
        failing = [part.NAME for part in (self.flusher, self.board) if not part.is_well]
        workers.beat(worker_id=self.worker_id, failing=failing)
        log_marker.keep(redis_clients.client(), worker_name=self.name, has_published=bool(handles))

    def _recover_orphans(self) -> None:
        recovery.recover_orphans(worker_id=self.worker_id, known=[handle.run_id for handle in self._snapshot()])

    def _abort_cancelled(self, handles: list[RunHandle]) -> None:
        """Cancellations are read from the rows: one short query a tick, for all processes and also without Redis."""
        cancelled = workers.cancelled_runs(worker_id=self.worker_id)
        for handle in handles:
            if handle.run_id in cancelled:
                self._stop(handle, AttemptOutcome.CANCELLED)


_current: WorkerProcess | None = None
_current_lock = Lock()


def current(*, queue: str = "runs", threads: int | None = None) -> WorkerProcess:
    """This process's own, made at the first call."""
    global _current  # noqa: PLW0603 — one per process is what it is
    with _current_lock:
        if _current is None:
            _current = WorkerProcess(queue=queue, threads=threads)
        return _current


def drain(*, seconds: float) -> None:
    """Called by a signal handler, in the middle of anything: so it waits for no lock and starts no thread.

    A process that is still being made has no run to drain, and its `stop` follows.
    """
    if _current is not None:
        _current.drain(seconds=seconds)
