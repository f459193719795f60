"""Documents of knowledge bases, for their owners. Those of a deleted base are never found."""

from dataclasses import dataclass

from django.db.models import QuerySet

from conversations import errors
from conversations.models import Document
from conversations.queries.keyset import Page, Within, keyset_page
from conversations.queries.knowledge import bases

NOT_FOUND = "document not found"
# Of pages with numbers: behind them PostgreSQL reads every row before, and counts all. A cursor reaches further.
NUMBERED_MOST = 10_000


@dataclass(frozen=True, slots=True)
class NumberedPage:
    """`total` counts no further than NUMBERED_MOST."""

    rows: list[Document]
    total: int


def for_account(*, account_id: int, base_id: str, document_id: str) -> Document:
    """With its base and its job, if any. Raises NotFound."""
    known = _live(account_id).filter(public_id=document_id, base__public_id=base_id).first()
    if known is None:
        raise errors.NotFound(NOT_FOUND)
    return known


def page(*, account_id: int, base_id: str, status: str | None, cursor: str | None, limit: int) -> Page[Document]:
    """Raises NotFound when there is no such base, and InvalidRequest for a cursor that is none of our documents."""
    base = bases.for_account(account_id=account_id, base_id=base_id)
    # Without a condition on the base, which would keep the planner from reading in the order of the index.
    documents = Document.objects.for_account(account_id).select_related("base", "job")
    if status is not None:
        documents = documents.filter(status=status)
    within = Within("base", base.pk)
    return keyset_page(
        documents, account_id=account_id, cursor=cursor, limit=limit, within=within, is_filtered=status is not None
    )


def numbered_page(*, account_id: int, base_id: str, number: int, size: int) -> NumberedPage:
    """The newest first; pages count from 1. Raises NotFound, and InvalidRequest for one beyond NUMBERED_MOST."""
    if number * size > NUMBERED_MOST:
        raise errors.InvalidRequest(f"page: only the first {NUMBERED_MOST} have pages", param="page")
    base = bases.for_account(account_id=account_id, base_id=base_id)
    of_base = Document.objects.for_account(account_id).filter(base=base.pk)
    in_order = of_base.select_related("base").order_by("-pk")
    return NumberedPage(rows=list(in_order[(number - 1) * size : number * size]), total=of_base[:NUMBERED_MOST].count())


def _live(account_id: int) -> QuerySet[Document]:
    return Document.objects.for_account(account_id).filter(base__deleted_at=None).select_related("base", "job")
