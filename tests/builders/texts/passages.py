"""Knowledge bases with documents whose passages are indexed."""

from collections.abc import Sequence

from conversations.models import Account, Document, KnowledgeBase
from conversations.services.knowledge import index
from conversations.stores.nearest_passages import Kind
from conversations.workers.vectors import passages


def make_base(account: Account, *, name: str = "a base", embedding: str = "") -> KnowledgeBase:
    base = KnowledgeBase.objects.create(account=account, name=name, embedding=embedding)
    base.refresh_from_db()
    return base


def add_document(
    base: KnowledgeBase, text: str, *, name: str = "a document", url: str = "", page_starts: Sequence[int] = ()
) -> Document:
    document = Document.objects.create(
        account_id=base.account_id,
        base=base,
        name=name,
        url=url,
        kind=Document.Kind.TEXT,
        # One of its own: a base has no document twice.
        digest=f"{Document.objects.count():064}",
        status=Document.Status.READY,
    )
    index_again(document, text, page_starts=page_starts)
    return document


def index_again(
    document: Document, text: str, *, generation: int | None = None, page_starts: Sequence[int] = ()
) -> int:
    return index.add(
        account_id=document.account_id,
        base_id=document.base_id,
        generation=generation or document.base.generation,
        document_id=document.pk,
        text=text,
        page_starts=page_starts,
    )


def make_vectors(kind: Kind = Kind.VENDOR) -> int:
    """Of all passages that lack theirs. How many batches that were."""
    batches = 0
    while passages.make_batch(kind):
        batches += 1
    return batches
