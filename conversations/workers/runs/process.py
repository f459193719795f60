"""What one worker process holds while it lives: its lease, its clients, and the runs it is working on.

One thread renews the lease with a single UPDATE for all runs and hangs up on upstream calls past their deadline.
"""

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock, Thread

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from conversations import redis_clients as relay
from conversations import routing
from conversations.relay import log_marker
from conversations.relay.publish import Flusher
from conversations.services import one_by_one, workers
from conversations.workers import sweep
from conversations.workers.runs.history import HistoryCache

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 2.0
# Far more than a claim takes.
CLAIM_SECONDS = 0.2
# A cancelled run is hung up within two of these, well inside the second that is promised.
TICK_SECONDS = 0.25


@dataclass(slots=True, eq=False)
class LiveRun:
    """A run in this process. `abort` hangs up its upstream call; `why` says what made us do it."""

    run_id: int
    deadline: float
    abort: Callable[[], None] | None = None
    why: str = ""

    def hang_up(self, why: str) -> None:
        if not self.why:
            self.why = why
        if self.abort:
            one_by_one.goes_well("watch", f"hang_up {self.run_id}", self.abort)


class WorkerProcess:
    def __init__(self, *, queue: str) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.worker_id = workers.register(name=self.name, queue=queue, threads=settings.WORKER_THREADS)
        self.http = routing.new_http_transport()
        self.flusher = Flusher(relay.client())
        log_marker.keep(relay.client(), worker_name=self.name, has_published=False)
        self.histories = HistoryCache()
        self._claiming = Lock()
        self.is_draining = Event()
        self._drained_at = 0.0
        self._live: set[LiveRun] = set()
        self._lock = Lock()
        self._thread = Thread(target=self._watch, name="worker-watch", daemon=True)
        self._thread.start()

    @contextmanager
    def live_run(self, *, run_id: int, deadline_seconds: float) -> Iterator[LiveRun]:
        live = LiveRun(run_id=run_id, deadline=time.monotonic() + deadline_seconds)
        with self._lock:
            self._live.add(live)
        try:
            yield live
        finally:
            with self._lock:
                self._live.discard(live)

    @contextmanager
    def claiming(self) -> Iterator[None]:
        """Claims come one after another: each has to see what the one before it took (ADR 18).

        One that has no answer for long keeps nobody from theirs.
        """
        has_turn = self._claiming.acquire(timeout=CLAIM_SECONDS)
        try:
            yield
        finally:
            if has_turn:
                self._claiming.release()

    def drain(self, *, seconds: float) -> None:
        """No new runs; running ones get `seconds`, then their calls are hung up and they are put back."""
        # A round early: the supervisor does not wait for the watch.
        self._drained_at = time.monotonic() + seconds - TICK_SECONDS
        self.is_draining.set()

    def stop(self) -> None:
        """The end in good order: whatever still points at this worker is free at once."""
        try:
            workers.stop(worker_id=self.worker_id)
        except DatabaseError as exc:
            log.warning("worker_end_not_noted", error=type(exc).__name__)

    def _snapshot(self) -> list[LiveRun]:
        with self._lock:
            return list(self._live)

    def _watch(self) -> None:
        next_beat = 0.0
        while True:
            next_beat = self.look_after(next_beat=next_beat)
            time.sleep(TICK_SECONDS)

    def look_after(self, *, next_beat: float) -> float:
        """One round; when the next heartbeat is due. No step that fails, and no run, ends this thread or delays it."""
        now = time.monotonic()
        live_runs = self._snapshot()
        is_drained = self.is_draining.is_set() and now >= self._drained_at
        for live in live_runs:
            if is_drained or now >= live.deadline:
                live.hang_up(DRAIN if is_drained else DEADLINE)
        if live_runs:
            one_by_one.goes_well("watch", "cancellations", lambda: self._hang_up_cancelled(live_runs))
        if now >= next_beat and one_by_one.goes_well("watch", "heartbeat", lambda: self._beat(live_runs)):
            one_by_one.goes_well("watch", "strays", self._recover_strays)
            next_beat = now + HEARTBEAT_SECONDS
        one_by_one.goes_well("watch", "connection", connection.close)
        return next_beat

    def _beat(self, live_runs: list[LiveRun]) -> None:
        workers.beat(worker_id=self.worker_id, failing=[] if self.flusher.is_well else [self.flusher.NAME])
        log_marker.keep(relay.client(), worker_name=self.name, has_published=bool(live_runs))

    def _recover_strays(self) -> None:
        sweep.recover_strays(worker_id=self.worker_id, known=[live.run_id for live in self._snapshot()])

    def _hang_up_cancelled(self, live_runs: list[LiveRun]) -> None:
        """Asking the rows works from any process and without Redis, for one short query a tick."""
        cancelled = workers.cancelled_runs(worker_id=self.worker_id)
        for live in live_runs:
            if live.run_id in cancelled:
                live.hang_up(CANCEL)


CANCEL = "cancel"
DEADLINE = "deadline"
DRAIN = "drain"

_current: WorkerProcess | None = None
_current_lock = Lock()


def current(*, queue: str = "runs") -> WorkerProcess:
    """This process's own; made when first asked for."""
    global _current  # noqa: PLW0603 — one per process is what it is
    with _current_lock:
        if _current is None:
            _current = WorkerProcess(queue=queue)
        return _current


def drain(*, seconds: float) -> None:
    """Called by a signal, in the midst of whatever the process is doing: so it waits for no lock and starts no thread.

    A process that is still being made has no run to drain; its `stop` follows.
    """
    if _current is not None:
        _current.drain(seconds=seconds)
