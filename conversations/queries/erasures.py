"""Erasures as their owners ask for them. That of the account itself is the operator's."""

from django.db.models import QuerySet

from conversations import errors
from conversations.models import Erasure
from conversations.queries.keyset import Page, keyset_page


def for_account(*, account_id: int, erasure_id: str) -> Erasure:
    """Raises NotFound when the account has no such erasure."""
    erasure = _of_account(account_id).filter(public_id=erasure_id).first()
    if erasure is None:
        raise errors.NotFound("erasure not found")
    return erasure


def of_conversation(*, account_id: int, conversation_key: int) -> Erasure | None:
    """None for a conversation that was deleted before erasures had rows, and for one that is kept."""
    own = _of_account(account_id).filter(subject=Erasure.Subject.CONVERSATION.value)
    return own.filter(subject_key=conversation_key).first()


def page(*, account_id: int, cursor: str | None, limit: int) -> Page[Erasure]:
    """The newest first. Raises InvalidRequest when `cursor` is not the id of an erasure of the account."""
    erasures = Erasure.objects.exclude(subject=Erasure.Subject.ACCOUNT.value)
    return keyset_page(erasures, account_id=account_id, cursor=cursor, limit=limit)


def _of_account(account_id: int) -> QuerySet[Erasure]:
    return Erasure.objects.for_account(account_id).exclude(subject=Erasure.Subject.ACCOUNT.value)
