"""What a tombstone needs: how a conversation becomes one, and what follows where a visitor has become one.

A visitor that was merged into another one has its conversations moved there; those of any other are deleted.
"""

from django.db import transaction
from django.db.models import Model, QuerySet
from django.db.models.functions import Now

from conversations import errors
from conversations.models import AssistedRun, Conversation, Dialogue, Erasure
from conversations.services.accounts import tallies
from conversations.services.erasures.batch import NEWEST, ROWS, Batch, following
from conversations.services.runs import cancel
from conversations.services.transactions import retry_on_deadlock
from conversations.services.visitors import removal
from conversations.values.runs import RunStatus

WAIT_SECONDS = 0.5


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
        Conversation.objects.filter(pk=conversation_id).update(
            head=None, preset=None, preset_text="", title="", deleted_at=Now(), updated_at=Now()
        )
        # The next turn of a visitor begins a new thread.
        Dialogue.objects.filter(pk=conversation_id).delete()
        tallies.subtract_conversation(account_id=conversation.account_id)
        return Erasure.objects.create(
            account_id=conversation.account_id,
            subject=Erasure.Subject.CONVERSATION.value,
            subject_key=conversation.pk,
            subject_id=conversation.public_id,
            requested_by=requested_by,
        )


def erase_dialogues(erasure: Erasure) -> Batch:
    """Moved a thousand at a time; deleted each in a transaction of its own, because turns wait for what it locks."""
    visitor, target = removal.lock_tombstone(erasure.subject_key)
    if visitor is None:
        return Batch()
    if target is not None:
        keys = _next(Dialogue, erasure)
        return Batch(cursor=following(keys), erased={"dialogue": _moved(Dialogue, keys, target)})
    key = next(iter(_next(Dialogue, erasure, most=1)), None)
    if key is None:
        return Batch()
    return _delete_dialogue(key, requested_by=erasure.requested_by)


def _delete_dialogue(key: int, *, requested_by: str) -> Batch:
    """Its runs are stopped, one a transaction. The same one once more until they have ended."""
    conversation = Conversation.objects.get(pk=key)
    active = conversation.active_runs.filter(cancel_requested_at=None).with_runs().first()
    if active is not None:
        cancel.cancel_run(active.run)
        return Batch(cursor=key + 1, is_alone=True)
    try:
        bury_conversation(conversation_id=key, requested_by=requested_by)
    except errors.ConversationBusy:
        return Batch(cursor=key + 1, wait_seconds=WAIT_SECONDS)
    # One that was a tombstone before has lost its row already.
    gone = Dialogue.objects.filter(pk=key).delete()[0]
    return Batch(cursor=key, erased={"conversation": 1, "dialogue": gone}, is_alone=True)


def erase_assisted_runs(erasure: Erasure) -> Batch:
    """Those in conversations of others too. They stay as evidence of what an assistant was asked."""
    visitor, target = removal.lock_tombstone(erasure.subject_key)
    if visitor is None:
        return Batch()
    keys = _next(AssistedRun, erasure)
    return Batch(cursor=following(keys), erased={"assistedrun": _moved(AssistedRun, keys, target)})


def _next(model: type[Dialogue] | type[AssistedRun], erasure: Erasure, *, most: int = ROWS) -> list[int]:
    """The next keys of what is the visitor's, newest first."""
    # As two comparisons, so that it is answered by the visitor's part of an index: see queries/keyset.py.
    visitor, until = erasure.subject_key, NEWEST if erasure.cursor is None else erasure.cursor
    own = model.objects.filter(visitor__gte=visitor, visitor__lte=visitor, pk__lt=until)
    return list(own.order_by("visitor", "-pk").values_list("pk", flat=True)[:most])


def _moved(model: type[Model], keys: list[int], target: int | None) -> int:
    rows: QuerySet[Model] = model._default_manager.filter(pk__in=keys)
    return rows.update(visitor=target)


def erase_visitor(erasure: Erasure) -> Batch:
    """Last: nothing points at it any more."""
    return Batch(erased={"visitor": tallies.delete_visitor(visitor_id=erasure.subject_key)})
