"""Stopping a run, from any process. A queued run ends here; one in progress is ended by its worker, with its text."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from conversations import errors
from conversations.models import ActiveRun, Run
from conversations.queries import runs as run_queries
from conversations.relay import publish
from conversations.services import conversations
from conversations.services.runs import ends, notify
from conversations.services.transactions import retry_on_deadlock
from conversations.stores import redis_clients
from conversations.values.runs import RunStatus

# A report takes up to 40 ms under load. Who waits for the conversation or its account waits for two seconds at most.
REPORTS_MAX = 50


def cancel(*, account_id: int, public_id: str) -> Run:
    """Idempotent. Raises NotFound when the account has no such run."""
    return cancel_run(run_queries.for_account(account_id=account_id, run_id=public_id))


@retry_on_deadlock
def cancel_run(run: Run, *, only: QuerySet[ActiveRun] | None = None) -> Run:
    """Stopping a run that has ended changes nothing and raises nothing. `only`: if it is still one of these."""
    with transaction.atomic():
        conversations.lock_of(account_id=run.account_id, run_id=run.pk)
        if only is not None and not only.filter(pk=run.pk).exists():
            return run
        if stop(run) and run.conversation_id is not None:
            conversations.wake_next(conversation_id=run.conversation_id)
    run.refresh_from_db()
    return run


def stop(run: Run) -> bool:
    """True for a run that no worker has, which ends here. A run in progress is marked for its worker.

    Call it with the conversation locked: otherwise the run could be put back between the two updates. The caller wakes
    the next run.
    """
    queued = ends.without_worker(account_id=run.account_id, run_id=run.pk).first()
    if queued is not None:
        ends.without_answer(queued, RunStatus.CANCELLED, error_code=errors.RunCancelled.code)
        # No worker has the run, so its readers are notified from here.
        _announce([(run.channel, run.public_id)])
        notify.try_report_end(run_id=run.pk)
        return True
    in_progress = ActiveRun.objects.for_account(run.account_id).filter(pk=run.pk, cancel_requested_at=None)
    in_progress.update(cancel_requested_at=Now())
    return False


def stop_all(*, account_id: int, conversation_id: int) -> None:
    """Stops the conversation's active runs. However many wait, they end by the same few statements.

    Call it with the conversation locked. The caller wakes the next run. Raises ConversationBusy, and then none is
    stopped, when more than REPORTS_MAX of them have to be reported.
    """
    queued = ends.all_without_worker(account_id=account_id, conversation_id=conversation_id)
    reported = notify.with_report(run_ids=[active.pk for active in queued])
    if len(reported) > REPORTS_MAX:
        raise errors.ConversationBusy(
            f"{len(reported)} messages of this conversation wait, of which each has to be reported; "
            f"one message can replace {REPORTS_MAX}."
        )
    if queued:
        ends.all_without_answer(
            queued, account_id=account_id, status=RunStatus.CANCELLED, code=errors.RunCancelled.code
        )
        _announce([(active.run.channel, active.run.public_id) for active in queued])
    for run_id in reported:
        notify.try_report_end(run_id=run_id)
    in_progress = ActiveRun.objects.for_account(account_id).filter(conversation=conversation_id)
    in_progress.filter(cancel_requested_at=None).update(cancel_requested_at=Now())


def _announce(runs: Sequence[tuple[str, str]]) -> None:
    """That runs, of which it gets channel and id, have ended without their workers: once that is committed."""
    channels, ids = [channel for channel, _ in runs], [public_id for _, public_id in runs]
    transaction.on_commit(
        lambda: publish.notify_readers(redis_clients.hurried(), channels=channels, free_places_of=ids)
    )


def is_requested(*, account_id: int, run_id: int) -> bool:
    """Whether somebody asked to stop the run while it was in progress."""
    rows = ActiveRun.objects.for_account(account_id).filter(pk=run_id, cancel_requested_at__isnull=False)
    return rows.exists()
