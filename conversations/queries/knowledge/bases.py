"""Knowledge bases for their owners. Deleted ones are never found."""

from collections.abc import Mapping

from django.db.models import Count, QuerySet

from conversations import errors
from conversations.models import Document, KnowledgeBase
from conversations.queries.keyset import Page, keyset_page

NOT_FOUND = "knowledge base not found"


def of_account(*, account_id: int) -> QuerySet[KnowledgeBase]:
    return KnowledgeBase.objects.for_account(account_id).filter(deleted_at=None)


def for_account(*, account_id: int, base_id: str) -> KnowledgeBase:
    """Raises NotFound when the account has no such base."""
    base = of_account(account_id=account_id).filter(public_id=base_id).first()
    if base is None:
        raise errors.NotFound(NOT_FOUND)
    return base


def page(*, account_id: int, cursor: str | None, limit: int, name: str = "") -> Page[KnowledgeBase]:
    """`name`: a part of their names, in any case. Raises InvalidRequest for a cursor that is no base of the account."""
    bases = of_account(account_id=account_id)
    if name:
        bases = bases.filter(name__icontains=name)
    return keyset_page(bases, account_id=account_id, cursor=cursor, limit=limit, is_filtered=True)


def counts(base: KnowledgeBase) -> Mapping[str, int]:
    """How many documents of each status it has."""
    found = Document.objects.for_account(base.account_id).filter(base=base.pk).values_list("status")
    counted = dict(found.annotate(Count("pk")).order_by())
    return {status: counted.get(status, 0) for status in Document.Status.values}
