"""Whole conversations: locked, woken and deleted. Single turns: `services/runs/`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from conversations import broker, errors
from conversations.models import ActiveRun, Conversation, Message, Reference, Run
from conversations.relay import publish
from conversations.services.accounts import tallies
from conversations.services.transactions import retry_on_deadlock
from conversations.services.webhooks import deliveries
from conversations.stores import redis_clients


@dataclass(frozen=True, slots=True)
class Deletions:
    """How many conversations were deleted now, how many before, and how many are busy and were kept."""

    deleted: int
    gone: int
    busy: int


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


@retry_on_deadlock
def delete(*, conversation_id: int) -> bool:
    """Erases the conversation's content and leaves a tombstone; False when it was already deleted.

    Its runs are kept as evidence, without request and answer. Raises ConversationBusy while one is active, and NotFound
    when there is no such conversation.
    """
    with transaction.atomic():
        conversation = Conversation.objects.select_for_update().filter(pk=conversation_id).first()
        if conversation is None:
            raise errors.NotFound("conversation not found")
        if conversation.deleted_at is not None:
            return False
        if conversation.active_runs.exists():
            raise errors.ConversationBusy
        Conversation.objects.filter(pk=conversation_id).update(
            head=None, preset=None, preset_text="", deleted_at=Now(), updated_at=Now()
        )
        Message.objects.filter(conversation=conversation_id).delete()
        Reference.objects.filter(run__conversation=conversation_id).delete()
        Run.objects.filter(conversation=conversation_id).update(
            request=None, answer=None, preset=None, preset_text=None
        )
        deliveries.erase_conversation(conversation_id=conversation_id)
        tallies.subtract_conversation(account_id=conversation.account_id)
        transaction.on_commit(partial(_erase_logs, conversation_id=conversation_id))
    return True


def _erase_logs(*, conversation_id: int) -> None:
    """Erases the logs in Redis, of the runs whose log may not have expired yet."""
    since = Now() - timedelta(seconds=settings.RUN_LOG_SECONDS)
    recent = Run.objects.filter(conversation=conversation_id, attempt__gt=0, finished_at__gte=since)
    for run_id, attempts in recent.values_list("public_id", "attempt"):
        publish.erase(redis_clients.hurried(), run_id=run_id, attempts=attempts)


def delete_each(*, conversation_ids: Iterable[int]) -> Deletions:
    """Each in a transaction of its own, so that a busy conversation does not keep the others from being deleted."""
    outcomes = [_outcome(conversation_id) for conversation_id in conversation_ids]
    return Deletions(deleted=outcomes.count("deleted"), gone=outcomes.count("gone"), busy=outcomes.count("busy"))


def _outcome(conversation_id: int) -> str:
    try:
        return "deleted" if delete(conversation_id=conversation_id) else "gone"
    except errors.NotFound:
        return "gone"
    except errors.ConversationBusy:
        return "busy"
