"""Whole conversations: locked and woken. Deleting them: `services/erasures/`; single turns: `services/runs/`."""

from django.db.models.functions import Now

from conversations import broker
from conversations.models import ActiveRun, Conversation


def lock_of(*, account_id: int, run_id: int) -> None:
    """Locks the active run's conversation, if it has one, until the transaction ends. Call it before the run is locked.

    A run that has ended needs no lock: nothing changes it any more.
    """
    of_run = ActiveRun.objects.for_account(account_id).filter(pk=run_id).values("conversation")
    locked = Conversation.objects.for_account(account_id).select_for_update(no_key=True).filter(pk__in=of_run)
    locked.values_list("pk").first()


def wake_next(*, conversation_id: int) -> None:
    """Wakes the run that has waited longest in the conversation, if none is in progress."""
    active = ActiveRun.objects.filter(conversation=conversation_id)
    first = active.order_by("pk").values_list("account_id", "pk").first()
    if first is None:
        return
    account_id, run_id = first
    if ActiveRun.objects.for_account(account_id).filter(pk=run_id).waiting().update(woken_at=Now()):
        broker.wake_run(account_id=account_id, run_id=run_id)
