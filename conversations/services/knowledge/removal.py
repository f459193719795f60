"""Deletes documents with all that is made of them: words, passages, vectors, text and bytes, in one transaction.

Before it commits, a query proves that nothing of them is left.
"""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet

from conversations import errors
from conversations.models import Document, DocumentContent, IndexingJob
from conversations.queries.knowledge import documents as document_queries
from conversations.services.knowledge import bases, index, usage
from conversations.services.transactions import retry_on_deadlock
from conversations.stores import rows

# A batch ends with the document that brings it to so many passages: each is a row or two, with their words.
PASSAGES, DOCUMENTS = 2_000, 500


@retry_on_deadlock
def delete(*, account_id: int, base_id: str, document_id: str) -> None:
    """Also of a document that is being indexed: its worker finds at the end that it is gone. Raises NotFound."""
    with transaction.atomic():
        # As whoever writes passages: a base's counts of words change for one document after the other.
        bases.lock(account_id=account_id, base_id=base_id)
        known = document_queries.for_account(account_id=account_id, base_id=base_id, document_id=document_id)
        if not delete_some(account_id=account_id, document_keys=[known.pk]):
            raise errors.NotFound(document_queries.NOT_FOUND)


def next_batch(documents: QuerySet[Document]) -> list[int]:
    """The keys of some of the documents, the newest first, no more than one transaction should delete."""
    keys: list[int] = []
    passages = 0
    for key, of_one in documents.order_by("-pk").values_list("pk", "passages")[:DOCUMENTS]:
        if passages > PASSAGES:
            break
        keys.append(key)
        passages += of_one
    return keys


def delete_some(*, account_id: int, document_keys: Sequence[int]) -> int:
    """How many documents were deleted. In the caller's transaction, which has locked their base, or nobody uses it."""
    jobs = IndexingJob.objects.for_account(account_id).filter(document__in=document_keys)
    # The order of locks: a job before its document.
    list(jobs.select_for_update().order_by("document").values_list("pk", flat=True))
    own = Document.objects.for_account(account_id).filter(pk__in=document_keys)
    held = dict(own.select_for_update().order_by("pk").values_list("pk", "held_bytes"))
    if not held:
        return 0
    jobs.delete()
    index.remove(account_id=account_id, document_ids=list(held))
    DocumentContent.objects.for_account(account_id).filter(pk__in=held).delete()
    rows.delete(Document, list(held))
    _prove_gone(account_id, list(held))
    usage.change(account_id=account_id, documents=-len(held), held_bytes=-sum(held.values()))
    return len(held)


def _prove_gone(account_id: int, document_keys: Sequence[int]) -> None:
    left = dict(index.left(account_id=account_id, document_ids=document_keys))
    left["content"] = DocumentContent.objects.for_account(account_id).filter(pk__in=document_keys).count()
    left["job"] = IndexingJob.objects.for_account(account_id).filter(pk__in=document_keys).count()
    if any(left.values()):
        raise RuntimeError(f"rows are left of a deleted document: {sorted(name for name in left if left[name])}")
