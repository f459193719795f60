"""What a run's readers change in its row: it is marked as streamed, and erased once read if it is not stored."""

from collections.abc import Collection
from datetime import timedelta

from django.db.models.functions import Now

from conversations.models import ActiveRun, Run
from conversations.models.runs.runs import RunRows
from conversations.services import one_by_one
from conversations.services.runs import cancel
from conversations.services.transactions import retry_on_deadlock


def open_as_stream(*, account_id: int, public_id: str, is_repeat: bool = False) -> None:
    """Marks a run that has not ended as streamed: a reader may see part of its text, so it is not begun anew.

    `is_repeat`: the caller asks again under its idempotency key. Only then is a run that is not stored marked: nobody
    else may read it.
    """
    active = ActiveRun.objects.for_account(account_id).filter(run__public_id=public_id, is_streamed=False)
    (active if is_repeat else active.filter(conversation__isnull=False)).update(is_streamed=True)


def cancel_unread(*, run_id: int) -> None:
    """Stops a run that is not stored and whose only reader left; erases its content if it has ended by then."""
    run = Run.objects.filter(pk=run_id, conversation=None).first()
    if run is not None and not cancel.cancel_run(run).is_active:
        erase_unstored(run_ids=[run_id])


@retry_on_deadlock
def erase_unstored(*, run_ids: Collection[int]) -> None:
    """Erases request and answer of those of the runs that are not stored and have ended.

    The content stays while an idempotency key or a task refers to the run.
    """
    one_by_one.bulk_or_halves("erase_runs", run_ids, _erase)


def _erase(run_ids: Collection[int]) -> None:
    _forget(Run.objects.filter(pk__in=run_ids, conversation=None, idempotency_keys=None, task=None))


def forget(*, unread_for: timedelta, limit: int) -> None:
    """Erases what no reader has had erased, of runs that ended longer ago than `unread_for`.

    It goes by `forget_after` alone: where a key or a task refers to the run, that is the end of their lives (`accept`).
    """
    due = Run.objects.ended().filter(forget_after__lt=Now(), finished_at__lt=Now() - unread_for)
    pks = list(due.order_by("forget_after").values_list("pk", flat=True)[:limit])
    one_by_one.bulk_or_halves("erase_runs", pks, lambda some: _forget(Run.objects.filter(pk__in=some)))


def _forget(runs: RunRows) -> None:
    runs.ended().update(request=None, answer=None, preset_text=None, forget_after=None)
