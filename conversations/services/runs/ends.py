"""Active rows locked for their run's end, and the end of a run that has no answer. With an answer: `finish`.

Call these in a transaction that has locked the run's conversation (`conversations.lock_of`). The caller reports the
end and wakes the next run.
"""

from collections.abc import Sequence

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Now

from conversations.models import ActiveRun, Run
from conversations.models.runs.active import ActiveRunRows
from conversations.services import one_by_one
from conversations.services.money import ledger
from conversations.values.runs import RunStatus

QUEUED_COLUMNS = ("reserved", "reserved_calls", "account", "run__channel", "run__public_id")


def queued(*, account_id: int, run_id: int) -> QuerySet[ActiveRun]:
    """The row of a run that no worker has. Reading it locks it."""
    return _locked(account_id).filter(pk=run_id).waiting()


def without_worker(*, account_id: int, run_id: int) -> QuerySet[ActiveRun]:
    """As `queued`, also of a run that waits for an approval."""
    return _locked(account_id).filter(pk=run_id).without_worker()


def all_without_worker(*, account_id: int, conversation_id: int) -> list[ActiveRun]:
    """The active rows of a conversation that no worker has, with channels and ids of their runs. They are locked."""
    rows = ActiveRun.objects.for_account(account_id).select_for_update(no_key=True, of=("self",))
    waiting = rows.filter(conversation=conversation_id).without_worker().order_by("pk")
    return list(waiting.select_related("run").only(*QUEUED_COLUMNS))


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
    _release([active], account_id=active.account_id)


def all_without_answer(rows: Sequence[ActiveRun], *, account_id: int, status: RunStatus, code: str) -> None:
    """Ends the runs of locked rows, as `without_answer` ends one."""
    run_ids = [row.pk for row in rows]
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
    _release(rows, account_id=account_id)


def _release(rows: Sequence[ActiveRun], *, account_id: int) -> None:
    """What is reserved for them.

    A run ends also where the ledger refuses that: it would be refused every time, and the run would hold up its
    conversation for ever. What stays reserved is then a difference, which the comparison reports (`money.reconcile`).
    """
    reserved = {row.pk: row.reservation for row in rows if row.reservation is not None}
    if reserved:
        one_by_one.try_in_savepoint(
            "release", str(next(iter(reserved))), lambda: ledger.release(reserved, account_id=account_id)
        )
