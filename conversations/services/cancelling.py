"""Stopping a run, from any process. A waiting one ends here; one in progress is ended by its worker, with its text."""

from django.db import transaction
from django.db.models.functions import Now

from conversations import errors
from conversations.models import Run
from conversations.models.runs import ACTIVE
from conversations.queries import runs as run_queries
from conversations.relay import connection as relay
from conversations.relay import publish
from conversations.services import run_reports, runs
from conversations.turns import RunStatus


def cancel(*, account_id: int, run_id: str) -> Run:
    """Idempotent. Raises NotFound when the account has no such run."""
    return cancel_run(run_queries.for_account(account_id=account_id, run_id=run_id))


def cancel_run(run: Run) -> Run:
    """Raises nothing for a run that has ended: stopping it again changes nothing."""
    with transaction.atomic():
        waits = Run.objects.filter(pk=run.pk, status=RunStatus.QUEUED.value)
        has_ended = waits.update(
            status=RunStatus.CANCELLED.value, finished_at=Now(), error_code=errors.RunCancelled.code
        )
        if has_ended:
            # No worker will tell its readers.
            transaction.on_commit(lambda: publish.nudge(relay.client(), channel=run.channel))
            run_reports.report_bare_end(run_id=run.pk)
        if has_ended and run.conversation_id is not None:
            runs.wake_next(conversation_id=run.conversation_id)
        if not has_ended:
            in_progress = Run.objects.filter(pk=run.pk, status=RunStatus.IN_PROGRESS.value, cancel_requested_at=None)
            in_progress.update(cancel_requested_at=Now())
    run.refresh_from_db()
    return run


def cancel_unread(*, run_id: int) -> None:
    """Stops a run that nothing stores and whose only reader left, and forgets what it was about once it has ended."""
    run = Run.objects.filter(pk=run_id, conversation=None).first()
    if run is not None and cancel_run(run).status not in ACTIVE:
        runs.forget(run_ids=[run_id])
