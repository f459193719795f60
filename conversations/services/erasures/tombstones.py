"""How a conversation becomes a tombstone: it is out of reach at once, and nothing is added to it any more."""

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from conversations import errors
from conversations.models import Conversation, Dialogue, Erasure
from conversations.services.accounts import tallies
from conversations.services.runs import cancel
from conversations.services.transactions import retry_on_deadlock
from conversations.stores import rows
from conversations.values.runs import RunStatus

_BURIED: dict[str, Any] = {
    "head": None,
    "preset": None,
    "preset_text": "",
    "title": "",
    "deleted_at": Now(),
    "updated_at": Now(),
}


@retry_on_deadlock
def bury_conversation(*, conversation_id: int, requested_by: str) -> Erasure | None:
    """Makes it a tombstone, of which nothing is erased yet. Returns and raises as `delete_conversation`."""
    with transaction.atomic():
        conversation = Conversation.objects.select_for_update().filter(pk=conversation_id).first()
        if conversation is None:
            raise errors.NotFound("conversation not found")
        if conversation.deleted_at is not None:
            return None
        for active in conversation.active_runs.filter(status=RunStatus.REQUIRES_ACTION.value).with_runs():
            # It waits for an approval, perhaps for days: nobody wants to wait for that.
            cancel.stop(active.run)
        if conversation.active_runs.exists():
            raise errors.ConversationBusy
        bury([conversation_id])
        tallies.subtract_conversations(account_id=conversation.account_id)
        return Erasure.objects.create(
            account_id=conversation.account_id,
            subject=Erasure.Subject.CONVERSATION.value,
            subject_key=conversation.pk,
            subject_id=conversation.public_id,
            requested_by=requested_by,
        )


def bury(conversation_ids: Collection[int]) -> int:
    """Of locked conversations without active runs; how many dialogues went. They are still counted as kept."""
    Conversation.objects.filter(pk__in=conversation_ids).update(**_BURIED)
    # The next turn of a visitor begins a new thread.
    return rows.delete(Dialogue, conversation_ids)
