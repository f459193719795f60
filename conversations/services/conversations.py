"""Whole conversations: locked and woken. Deleting them: `services/erasures/`; single turns: `services/runs/`."""

from django.db.models.functions import Now

from conversations import broker
from conversations.models import Conversation, Run
from conversations.values.runs import RunStatus


def lock_of(*, run_id: int) -> None:
    """Locks the run's conversation, if it has one, until the transaction ends. Call it before the run is locked."""
    runs = Run.objects.filter(pk=run_id).values("conversation")
    Conversation.objects.select_for_update(no_key=True).filter(pk__in=runs).values_list("pk").first()


def wake_next(*, conversation_id: int) -> None:
    """Wakes the run that has waited longest in the conversation, if any waits."""
    waiting = Run.objects.filter(conversation=conversation_id, status=RunStatus.QUEUED.value)
    pk = waiting.order_by("pk").values_list("pk", flat=True).first()
    if pk is not None and waiting.filter(pk=pk).update(woken_at=Now()):
        broker.wake_run(run_id=pk)
