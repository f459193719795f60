"""Active rows locked for their run's end, and the end of a run that has no answer. With an answer: `finish`.

Call these in a transaction that has locked the run's conversation (`conversations.lock_of`). The caller reports the
end and wakes the next run.
"""

from collections.abc import Sequence

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Now

from conversations.models import ActiveRun, Run
from conversations.models.runs.active import ActiveRunRows
from conversations.values.runs import RunStatus


def queued(*, account_id: int, run_id: int) -> QuerySet[ActiveRun]:
    """The row of a run that no worker has. Reading it locks it."""
    return _locked(account_id).filter(pk=run_id).waiting()


def all_queued(*, account_id: int, conversation_id: int) -> dict[int, str]:
    """The runs of a conversation that no worker has, and the channel of each. Their active rows are locked."""
    rows = ActiveRun.objects.for_account(account_id).select_for_update(no_key=True, of=("self",))
    waiting = rows.filter(conversation=conversation_id).waiting().order_by("pk")
    return dict(waiting.values_list("pk", "run__channel"))


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


def all_without_answer(*, account_id: int, run_ids: Sequence[int], status: RunStatus, code: str) -> None:
    """Ends the runs of locked rows, as `without_answer` ends one."""
    active = ActiveRun.objects.for_account(account_id)
    own = active.filter(pk=OuterRef("pk"))
    Run.objects.for_account(account_id).filter(pk__in=run_ids).update(
        ended_as=status.value,
        attempt=Subquery(own.values("attempt")),
        claimed_at=Subquery(own.values("claimed_at")),
        finished_at=Now(),
        cancel_requested_at=Subquery(own.values("cancel_requested_at")),
        error_code=code,
    )
    active.filter(pk__in=run_ids).delete()
