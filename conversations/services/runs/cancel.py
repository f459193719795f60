"""Stopping a run, from any process. A waiting one ends here; one in progress is ended by its worker, with its text."""

from django.db import transaction
from django.db.models.functions import Now

from conversations import errors
from conversations import redis_clients as relay
from conversations.models import Run
from conversations.queries import runs as run_queries
from conversations.relay import publish
from conversations.services import conversations
from conversations.services.runs import notify, rows
from conversations.services.transactions import retry_on_deadlock
from conversations.values.runs import ACTIVE, RunStatus


def cancel(*, account_id: int, run_id: str) -> Run:
    """Idempotent. Raises NotFound when the account has no such run."""
    return cancel_run(run_queries.for_account(account_id=account_id, run_id=run_id))


@retry_on_deadlock
def cancel_run(run: Run) -> Run:
    """Raises nothing for a run that has ended: stopping it again changes nothing."""
    with transaction.atomic():
        conversations.lock_of(run_id=run.pk)
        if stop(run) and run.conversation_id is not None:
            rows.wake_next(conversation_id=run.conversation_id)
    run.refresh_from_db()
    return run


def stop(run: Run) -> bool:
    """Ends a run that waits; True then. One in progress is marked for its worker.

    Under its conversation's lock, so that it is not put back between the two. Whoever calls wakes the next one.
    """
    waits = Run.objects.filter(pk=run.pk, status=RunStatus.QUEUED.value)
    if waits.update(status=RunStatus.CANCELLED.value, finished_at=Now(), error_code=errors.RunCancelled.code):
        # No worker will tell its readers.
        transaction.on_commit(lambda: publish.notify_readers(relay.hurried(), channel=run.channel))
        notify.try_report_end(run_id=run.pk)
        return True
    in_progress = Run.objects.filter(pk=run.pk, status=RunStatus.IN_PROGRESS.value, cancel_requested_at=None)
    in_progress.update(cancel_requested_at=Now())
    return False


def cancel_unread(*, run_id: int) -> None:
    """Stops a run that nothing stores and whose only reader left, and forgets what it was about once it has ended."""
    run = Run.objects.filter(pk=run_id, conversation=None).first()
    if run is not None and cancel_run(run).status not in ACTIVE:
        rows.forget(run_ids=[run_id])
