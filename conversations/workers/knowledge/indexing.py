"""Works off indexing jobs, one at a time in each thread that was woken."""

import threading
import time

import structlog
from django.db import DatabaseError, connection

from conversations import broker
from conversations.knowledge.failures import DocumentFailed
from conversations.services import one_by_one
from conversations.services.knowledge import jobs, results
from conversations.services.knowledge.results import ClaimedJob
from conversations.stores import refusals
from conversations.workers.knowledge import reading
from conversations.workers.runs import process

log = structlog.get_logger(__name__)

# A claim sees what the one before it took, so that accounts get their shares. One that hangs holds up nobody for long.
CLAIM_WAIT_SECONDS = 0.2
# While the database is away.
PAUSE_SECONDS = 2.0

_claiming = threading.Lock()
_is_stopping = threading.Event()
# Only then this process may have jobs.
_has_begun = threading.Event()


def work_off() -> None:
    """Until no job is due that this worker may take, or the process is to stop. Raises nothing."""
    one_by_one.try_step("knowledge", "work_off", _work_off)
    connection.close()


def drain() -> None:
    """No new job. What is in progress when the process ends is given back by `stop`."""
    _is_stopping.set()


def stop() -> None:
    if not _has_begun.is_set():
        return
    try:
        jobs.release(worker_id=process.current().worker_id)
    except DatabaseError as exc:
        # Their leases lapse.
        log.warning("jobs_not_released", error=type(exc).__name__)


def _work_off() -> None:
    _has_begun.set()
    while not _is_stopping.is_set():
        job = _claim()
        if job is None:
            return
        # Another thread of this process looks whether there is more.
        broker.wake_indexing()
        work(job)


def _claim() -> ClaimedJob | None:
    is_acquired = _claiming.acquire(timeout=CLAIM_WAIT_SECONDS)
    try:
        return jobs.claim(worker_id=process.current().worker_id)
    finally:
        if is_acquired:
            _claiming.release()


def work(job: ClaimedJob) -> None:
    """The end of a job is written as soon as the database can take it. Whatever it refuses fails the document alone."""
    began = time.monotonic()
    try:
        outcome = _index(job)
    except DocumentFailed as failure:
        outcome = failure.code
        _end(job, failure)
    except Exception as exc:  # noqa: BLE001 — the job ends, whatever it was; it is logged
        outcome = "away" if refusals.is_away(exc) else "broke"
        if outcome == "broke":
            one_by_one.log_once("index_document", job.public_id, exc)
        _end(job, None if outcome == "away" else jobs.REFUSED)
    log.info("document_done", document=job.public_id, outcome=outcome, seconds=round(time.monotonic() - began, 2))


def _index(job: ClaimedJob) -> str:
    """Raises DocumentFailed, and DatabaseError for a store that is away or refuses it."""
    text = reading.text_of(job)
    if text is None:
        return "gone"
    is_done = results.finish(job, text=text.text, page_starts=text.page_starts, replacement=text.replacement)
    return "ready" if is_done else "gone"


def _end(job: ClaimedJob, failure: DocumentFailed | None) -> None:
    """None: a store was away, which says nothing of the document."""
    while True:
        try:
            is_over = failure is not None and not (failure.is_retryable and job.can_be_repeated)
            retry_after = failure.retry_after if failure else None
            jobs.end_or_set_aside(job, failure if is_over else None, retry_after=retry_after)
        except Exception as exc:  # noqa: BLE001 — as above
            if not refusals.is_away(exc) or _is_stopping.is_set():
                # The sweep finds it when its claim has become too old.
                one_by_one.log_once("end_job", job.public_id, exc)
                return
            _is_stopping.wait(PAUSE_SECONDS)
        else:
            return
