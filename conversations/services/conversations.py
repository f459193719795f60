"""Conversations: what happens to a whole thread. Turns are the business of `runs`."""

from django.db import transaction
from django.db.models.functions import Now

from conversations import errors
from conversations.models import Conversation, Message, Reference, Run
from conversations.models.runs import ACTIVE


def delete(*, conversation_id: int) -> bool:
    """Erases the thread's content and leaves a tombstone; False when it was already deleted.

    Runs stay as evidence, without request and answer. Raises ConversationBusy while one is active, and
    NotFound when there is no such conversation.
    """
    with transaction.atomic():
        conversation = Conversation.objects.select_for_update().filter(pk=conversation_id).first()
        if conversation is None:
            raise errors.NotFound("conversation not found")
        if conversation.deleted_at is not None:
            return False
        if conversation.runs.filter(status__in=ACTIVE).exists():
            raise errors.ConversationBusy
        Conversation.objects.filter(pk=conversation_id).update(
            head=None, preset=None, preset_text="", deleted_at=Now(), updated_at=Now()
        )
        Message.objects.filter(conversation=conversation_id).delete()
        Reference.objects.filter(run__conversation=conversation_id).delete()
        Run.objects.filter(conversation=conversation_id).update(
            request=None, answer=None, preset=None, preset_text=None
        )
    return True
