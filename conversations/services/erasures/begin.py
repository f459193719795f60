"""Asking for an erasure. The subject is a tombstone at once: nobody reaches its content, and nothing is added to it.

Little is erased before the call returns; the rest is done in batches by the upkeep worker (`workers/erasures.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models.functions import Now

from conversations import broker, errors
from conversations.models import Account, ApiKey, Conversation, Dialogue, Erasure
from conversations.services.accounts import tallies
from conversations.services.erasures.advance import advance
from conversations.services.erasures.batch import ROWS
from conversations.services.runs import cancel
from conversations.services.transactions import retry_on_deadlock
from conversations.values.runs import RunStatus

# Most conversations are far shorter: they are erased when the call returns.
ROWS_AT_ONCE = 2 * ROWS


@dataclass(frozen=True, slots=True)
class Deletions:
    """How many conversations were deleted now, how many before, and how many are busy and were kept.

    `unfinished` of those that were deleted now are still being erased.
    """

    deleted: int
    gone: int
    busy: int
    unfinished: int


def delete_conversation(*, conversation_id: int, requested_by: str) -> Erasure | None:
    """Erases the conversation's content and leaves a tombstone; None when it was deleted before.

    Its runs are kept as evidence, without request and answer. When it returns, the content is out of reach for every
    API; a long conversation's rows are erased later, as the erasure tells. A run that waits for an approval is
    cancelled. Raises ConversationBusy while another is active, and NotFound when there is no such conversation.
    """
    erasure = bury_conversation(conversation_id=conversation_id, requested_by=requested_by)
    if erasure is None:
        return None
    done = 0
    # Where it fails it is logged and noted: the erasure has been accepted, and goes on later.
    while done < ROWS_AT_ONCE and (size := advance(erasure_pk=erasure.pk)):
        done += size
    erasure.refresh_from_db()
    if erasure.finished_at is None:
        broker.wake_erasures()
    return erasure


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
            head=None, preset=None, preset_text="", deleted_at=Now(), updated_at=Now()
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


def delete_each(*, conversation_ids: Iterable[int], requested_by: str) -> Deletions:
    """Each by itself, so that a busy conversation does not keep the others from being deleted."""
    outcomes = [_outcome(conversation_id, requested_by) for conversation_id in conversation_ids]
    unfinished = outcomes.count("unfinished")
    return Deletions(
        deleted=outcomes.count("deleted") + unfinished,
        gone=outcomes.count("gone"),
        busy=outcomes.count("busy"),
        unfinished=unfinished,
    )


def _outcome(conversation_id: int, requested_by: str) -> str:
    try:
        erasure = delete_conversation(conversation_id=conversation_id, requested_by=requested_by)
    except errors.NotFound:
        return "gone"
    except errors.ConversationBusy:
        return "busy"
    if erasure is None:
        return "gone"
    return "deleted" if erasure.finished_at else "unfinished"


@retry_on_deadlock
def erase_account(*, account_id: int, requested_by: str) -> Erasure:
    """Erases everything of the account; the erasure that was begun before, if any.

    Its keys are refused within seconds, for good, and its name is free. What stays: the account under its public id,
    its runs without content, the tombstones of its conversations without their ids, and empty rows of its keys and
    presets, which the runs point at. Raises NotFound.
    """
    with transaction.atomic():
        account = Account.objects.select_for_update(no_key=True).filter(pk=account_id).first()
        if account is None:
            raise errors.NotFound("account not found")
        known = Erasure.objects.for_account(account).filter(subject=Erasure.Subject.ACCOUNT.value).first()
        if known is not None:
            return known
        Account.objects.filter(pk=account_id).update(is_active=False, erased_at=Now(), name=account.public_id)
        ApiKey.objects.for_account(account).filter(revoked_at=None).update(revoked_at=Now())
        broker.wake_erasures()
        return Erasure.objects.create(
            account=account,
            subject=Erasure.Subject.ACCOUNT.value,
            subject_key=account.pk,
            subject_id=account.public_id,
            requested_by=requested_by,
        )
