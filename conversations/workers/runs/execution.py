"""A worker's work on one run: claim it, ask the model, settle what came of it."""

from django.conf import settings
from django.db import DatabaseError, connection

from conversations import errors
from conversations.queries import runs
from conversations.relay.publish import LiveLog
from conversations.services import one_by_one
from conversations.services.runs import claim, finish
from conversations.services.runs.claim import ClaimedRun, ClaimOutcome
from conversations.stores import refusals
from conversations.workers.runs import process as worker_process
from conversations.workers.runs.ask import ask
from conversations.workers.runs.attempt import Attempt
from conversations.workers.runs.process import WorkerProcess
from conversations.workers.runs.settle import settle

# The log of a run that is not stored has one reader, who is there already.
UNSTORED_LOG_SECONDS = 60


def execute(*, account_id: int | None, run_id: int) -> None:
    """Does nothing when the run cannot be claimed; otherwise it has ended or is back in the queue on return.

    Without its `account_id` the run is looked up.
    """
    process = worker_process.current()
    if process.is_draining.is_set():
        # The row still says queued, so the sweep wakes another worker.
        return
    run = _claim(account_id or runs.account_of(run_id=run_id) or 0, run_id, process)
    # No database connection is held while the model answers.
    connection.close()
    if isinstance(run, ClaimOutcome):
        return
    attempt = Attempt(run, process.name, _open_log(run, process))
    with process.track(run_id=run.pk, deadline_seconds=settings.RUN_DEADLINE) as handle:
        settle(attempt, ask(attempt, process=process, handle=handle))


def _claim(account_id: int, run_id: int, process: WorkerProcess) -> ClaimedRun | ClaimOutcome:
    """A run whose own row the database refuses to change could never be claimed, so it ends here."""
    try:
        with process.claiming():
            return claim.claim(account_id=account_id, run_id=run_id, worker_id=process.worker_id)
    except DatabaseError as exc:
        if not refusals.is_of_the_row(exc):
            raise
        one_by_one.log_once("claim", str(run_id), exc)
        error = errors.InternalError("The question could not be taken up.")
        finish.fail_queued(account_id=account_id, run_id=run_id, error=error)
        return ClaimOutcome.TAKEN


def _open_log(run: ClaimedRun, process: WorkerProcess) -> LiveLog:
    return LiveLog(
        flusher=process.flusher,
        run_id=run.public_id,
        channel=run.channel,
        attempt=run.attempt,
        keep_seconds=settings.RUN_LOG_SECONDS if run.is_stored else UNSTORED_LOG_SECONDS,
        is_streamed=run.is_streamed,
    )
