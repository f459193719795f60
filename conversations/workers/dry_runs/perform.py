"""Takes a dry run for this worker, prepares it in a thread of its own, and sends its reader what came of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event
from typing import Any

import orjson
import structlog
from django.db import connection
from redis.exceptions import RedisError

from conversations import errors, resources
from conversations.errors import ParleyError
from conversations.relay import dry_runs
from conversations.rules.runs.run_states import AttemptOutcome
from conversations.services.runs import dry_requests
from conversations.services.runs.dry_requests import DryRequest
from conversations.shares import SharedThreads, begin_thread
from conversations.stores import redis_clients, refusals
from conversations.workers.dry_runs.trial import NO_RUN, Trial
from conversations.workers.runs import process as worker_process
from conversations.workers.runs.process import RunHandle, WorkerProcess
from providers.errors import CallAborted

log = structlog.get_logger(__name__)

# Pages and files may be as slow as they may be for a turn, but a reader does not wait for all of them.
SECONDS = 45.0
# How often a worker says that it is still at it, and looks whether anybody still waits.
LOOK_SECONDS = 0.5
# In one worker process, beside its turns: slow pages take none of their threads.
AT_ONCE = 16
CROWDED = errors.RateLimited("Too many dry runs at once.", retry_after=1.0)

_threads = SharedThreads(AT_ONCE, name="dry-run")


def perform(*, dry_run_id: str) -> None:
    """Does nothing where nobody waits any more, or another worker has it; returns before the answer is there."""
    process, client = worker_process.current(), redis_clients.client()
    request = None if process.is_draining.is_set() else dry_runs.take(client, dry_run_id)
    if request is None:
        return
    try:
        asked = dry_requests.load(request)
    except Exception as exc:
        log.error("dry_run_broke", dry_run_id=dry_run_id, exc_info=exc)
        _send(dry_run_id, _refusal(errors.InternalError()))
        return
    if _threads.begin(asked.account_id, partial(_perform, dry_run_id, asked, process)) is None:
        _send(dry_run_id, _refusal(CROWDED))


def _perform(dry_run_id: str, asked: DryRequest, process: WorkerProcess) -> None:
    with process.track(run_id=NO_RUN, deadline_seconds=SECONDS) as handle, _watched(dry_run_id, handle):
        body = _answer(dry_run_id, asked, process, handle)
    if handle.aborted_as is not AttemptOutcome.CANCELLED:
        _send(dry_run_id, body)


def _answer(dry_run_id: str, asked: DryRequest, process: WorkerProcess, handle: RunHandle) -> bytes:
    """The receipt, or the error that its caller gets."""
    try:
        receipt = Trial(dry_run_id, asked, process, handle).receipt()
        return orjson.dumps({"receipt": resources.receipt(receipt, is_operator=asked.is_operator)})
    except ParleyError as exc:
        return _refusal(exc)
    except CallAborted:
        return _refusal(errors.ServiceUnavailable("The dry run took too long.", retry_after=1.0))
    except Exception as exc:
        log.error("dry_run_broke", dry_run_id=dry_run_id, exc_info=exc)
        return _refusal(errors.ServiceUnavailable() if refusals.is_away(exc) else errors.InternalError())
    finally:
        connection.close()


def _refusal(error: ParleyError) -> bytes:
    body: dict[str, Any] = {"code": error.code, "message": error.message, "facts": error.facts}
    return orjson.dumps({"error": body})


def _send(dry_run_id: str, body: bytes) -> None:
    try:
        dry_runs.answer(redis_clients.client(), dry_run_id, body)
    except RedisError as exc:
        # Its reader has the same trouble.
        log.warning("dry_run_not_answered", dry_run_id=dry_run_id, error=type(exc).__name__)


@contextmanager
def _watched(dry_run_id: str, handle: RunHandle) -> Iterator[None]:
    """Keeps it for this worker, and stops it soon after its reader has left."""
    is_over = Event()

    def watch() -> None:
        while not is_over.wait(LOOK_SECONDS):
            try:
                is_awaited = dry_runs.keep(redis_clients.client(), dry_run_id)
            except RedisError:
                continue
            if not is_awaited:
                handle.abort(AttemptOutcome.CANCELLED)

    # Without it, it goes on to its end.
    begin_thread(watch, name="dry-run-reader")
    try:
        yield
    finally:
        is_over.set()
