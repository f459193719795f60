"""Active rows locked for their run's end, and the end of a run that has no answer. With an answer: `finish`.

Call these in a transaction that has locked the run's conversation (`conversations.lock_of`). The caller reports the
end and wakes the next run.
"""

from django.db.models import QuerySet
from django.db.models.functions import Now

from conversations.models import ActiveRun, Run
from conversations.models.runs.active import ActiveRunRows
from conversations.values.runs import RunStatus


def queued(*, account_id: int, run_id: int) -> QuerySet[ActiveRun]:
    """The row of a run that no worker has. Reading it locks it."""
    return _locked(account_id).filter(pk=run_id).waiting()


def in_progress(*, account_id: int, run_id: int, attempt: int) -> QuerySet[ActiveRun]:
    """The row of a run that is still this attempt's. Reading it locks it."""
    # Not by its status, for the reason that `waiting` gives.
    return _locked(account_id).filter(pk=run_id, attempt=attempt, worker__isnull=False)


def _locked(account_id: int) -> ActiveRunRows:
    return ActiveRun.objects.for_account(account_id).select_for_update(no_key=True)


def without_answer(active: ActiveRun, status: RunStatus, *, error_code: str, error_message: str = "") -> None:
    """Ends the run of a locked row."""
    Run.objects.for_account(active.account_id).filter(pk=active.pk).update(
        ended_as=status.value,
        attempt=active.attempt,
        claimed_at=active.claimed_at,
        finished_at=Now(),
        cancel_requested_at=active.cancel_requested_at,
        error_code=error_code,
        error_message=error_message,
    )
    ActiveRun.objects.for_account(active.account_id).filter(pk=active.pk).delete()
