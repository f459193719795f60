"""What an account has models look things up in: documents with all that was made of them, then their bases."""

from conversations.models import Document, Erasure, IndexingJob, KnowledgeBase, KnowledgeUsage
from conversations.services.erasures.batch import ROWS, Batch
from conversations.services.knowledge import index, removal
from conversations.stores import rows

# Where a step goes on that takes the first of what is left: all before it is gone.
ON = 1


def delete_jobs(erasure: Erasure) -> Batch:
    """So that none is begun any more. What a worker has begun finds its document gone."""
    own = IndexingJob.objects.for_account(erasure.account_id).filter(worker=None)
    keys = list(own.values_list("pk", flat=True)[:ROWS])
    erased = {"indexingjob": own.filter(pk__in=keys).delete()[0]}
    return Batch(cursor=ON if len(keys) == ROWS else None, erased=erased)


def delete_documents(erasure: Erasure) -> Batch:
    own = Document.objects.for_account(erasure.account_id)
    keys = removal.next_batch(own)
    erased = {"document": removal.delete_some(account_id=erasure.account_id, document_keys=keys)}
    return Batch(cursor=ON if keys else None, erased=erased)


def delete_bases(erasure: Erasure) -> Batch:
    """One after the other, with the words that a generation has left which was being dropped."""
    account_id = erasure.account_id
    base = KnowledgeBase.objects.for_account(account_id).order_by("pk").first()
    if base is None:
        return Batch(erased={"knowledgeusage": KnowledgeUsage.objects.for_account(account_id).delete()[0]})
    if dropped := index.drop_all(account_id=account_id, base_id=base.pk):
        return Batch(cursor=ON, erased={"passageindex": dropped})
    return Batch(cursor=ON, erased={"knowledgebase": rows.delete(KnowledgeBase, [base.pk])})
