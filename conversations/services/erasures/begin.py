"""Asking for an erasure. The subject is a tombstone at once: nobody reaches its content, and nothing is added to it.

Little is erased before the call returns; the rest is done in batches by the upkeep worker (`workers/erasures.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models.functions import Now

from conversations import broker, errors
from conversations.models import Account, ApiKey, Erasure, Visitor
from conversations.services.erasures.advance import advance
from conversations.services.erasures.batch import ROWS
from conversations.services.erasures.tombstones import bury_conversation
from conversations.services.transactions import retry_on_deadlock
from conversations.services.visitors import removal

# Most conversations are far shorter: they are erased when the call returns.
ROWS_AT_ONCE = 2 * ROWS
# A conversation that does not go with others is a batch.
BATCHES_AT_ONCE = 20


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


def delete_visitor(*, account_id: int, visitor_id: str, requested_by: str) -> Erasure:
    """Erases the visitor and all its conversations, whose runs it stops; its runs stay as evidence, without it.

    When it returns, the visitor is out of reach, and a turn with one of its ids makes a new one; what it said is
    erased later where it is much, as the erasure tells. Raises NotFound.
    """
    erasure = _bury_visitor(account_id=account_id, visitor_id=visitor_id, requested_by=requested_by)
    return _advanced(erasure)


@retry_on_deadlock
def _bury_visitor(*, account_id: int, visitor_id: str, requested_by: str) -> Erasure:
    with transaction.atomic():
        visitor = removal.locked(account_id=account_id, visitor_ids=[visitor_id])[visitor_id]
        erasure = _erasure_of(visitor, requested_by)
        removal.bury(visitor)
    return erasure


def merge_visitors(*, account_id: int, visitor_id: str, into: str, requested_by: str) -> Erasure:
    """Makes one visitor of two; the one that stays is `into`. Much of what the other had is moved later.

    Ids and threads are moved at once, so the next turn of either goes on in the right thread: where both have one with
    an assistant, in that of `into`. Raises NotFound and InvalidRequest.
    """
    erasure = _merge(account_id=account_id, visitor_id=visitor_id, into=into, requested_by=requested_by)
    return _advanced(erasure)


@retry_on_deadlock
def _merge(*, account_id: int, visitor_id: str, into: str, requested_by: str) -> Erasure:
    if visitor_id == into:
        raise errors.InvalidRequest("into is the visitor itself", param="into")
    with transaction.atomic():
        found = removal.locked(account_id=account_id, visitor_ids=[visitor_id, into])
        erasure = _erasure_of(found[visitor_id], requested_by)
        removal.merge(found[visitor_id], into=found[into])
    return erasure


def _erasure_of(visitor: Visitor, requested_by: str) -> Erasure:
    return Erasure.objects.create(
        account_id=visitor.account_id,
        subject=Erasure.Subject.VISITOR.value,
        subject_key=visitor.pk,
        subject_id=visitor.public_id,
        requested_by=requested_by,
    )


def _advanced(erasure: Erasure) -> Erasure:
    batches = done = 0
    # As in `delete_conversation`.
    while batches < BATCHES_AT_ONCE and done < ROWS_AT_ONCE and (size := advance(erasure_pk=erasure.pk)):
        batches, done = batches + 1, done + size
    erasure.refresh_from_db()
    if erasure.finished_at is None or erasure.erased.get("conversation"):
        # One that was deleted by itself is an erasure of its own.
        broker.wake_erasures()
    return erasure
