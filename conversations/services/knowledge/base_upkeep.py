"""What is done to a whole knowledge base, in batches: re-indexing it, and deleting it or a generation of it.

The base's row is locked meanwhile, and others skip it. So any number of processes may do this, and one that is killed
has done whole batches.
"""

from django.db import transaction
from django.db.models import Q, QuerySet

from conversations import broker
from conversations.models import Document, IndexingJob, KnowledgeBase
from conversations.services import one_by_one
from conversations.services.knowledge import index, removal
from conversations.services.transactions import retry_on_deadlock
from conversations.stores import rows

# Jobs of one re-indexing that wait at once. A document that its owner adds meanwhile waits behind no more of them.
PLANNED_AT_ONCE = 200
# Bases that are looked at in one round, in turn.
BASES = 100

WITHOUT_JOB = Q(job__isnull=True)
HAS_WORK = Q(deleted_at__isnull=False) | Q(next_generation__isnull=False) | Q(stale_generation__isnull=False)


def are_due() -> bool:
    return KnowledgeBase.objects.filter(HAS_WORK).exists()


def advance(*, after: int = 0) -> tuple[int, int]:
    """A batch for each of the next bases behind the key `after`: how many rows were changed, and the last key.

    The key is 0 when no more follow.
    """
    done: list[int] = []
    keys = list(
        KnowledgeBase.objects.filter(HAS_WORK, pk__gt=after).order_by("pk").values_list("pk", flat=True)[:BASES]
    )
    one_by_one.each("advance_base", keys, lambda key: done.append(_advance(key)), key=lambda key: key)
    return sum(done), keys[-1] if len(keys) == BASES else 0


@retry_on_deadlock
def _advance(key: int) -> int:
    with transaction.atomic():
        found = KnowledgeBase.objects.filter(HAS_WORK, pk=key)
        base = found.select_for_update(skip_locked=True, no_key=True).first()
        if base is None:
            return 0
        if base.deleted_at is not None:
            return _erase(base)
        if base.stale_generation is not None:
            return _drop_stale(base)
        return _plan(base) or _switch(base)


def _erase(base: KnowledgeBase) -> int:
    """The next of its documents; then of what is kept for each generation; the row itself when nothing is left."""
    if keys := removal.next_batch(_documents(base)):
        return removal.delete_some(account_id=base.account_id, document_keys=keys)
    if dropped := index.drop_all(account_id=base.account_id, base_id=base.pk):
        return dropped
    return rows.delete(KnowledgeBase, [base.pk])


def _drop_stale(base: KnowledgeBase) -> int:
    generation = base.stale_generation or 0
    dropped = index.drop_generation(account_id=base.account_id, base_id=base.pk, generation=generation)
    if not dropped:
        KnowledgeBase.objects.filter(pk=base.pk).update(stale_generation=None)
    return dropped or 1


def _plan(base: KnowledgeBase) -> int:
    """Jobs for the next documents that lack the new generation, as many as may wait at once.

    Those that become ready from now on are indexed into both: `results.finish` waits for the lock of the base.
    """
    waiting = _rebuild_jobs(base).count()
    lacking = _lacking(base).filter(WITHOUT_JOB, pk__gt=base.planned_to)
    keys = list(lacking.order_by("pk").values_list("pk", flat=True)[: max(0, PLANNED_AT_ONCE - waiting)])
    if keys:
        jobs = [
            IndexingJob(document_id=key, account_id=base.account_id, base_id=base.pk, is_rebuild=True) for key in keys
        ]
        IndexingJob.objects.bulk_create(jobs, ignore_conflicts=True)
        KnowledgeBase.objects.filter(pk=base.pk).update(planned_to=keys[-1])
        broker.wake_indexing()
    # While earlier ones wait it is not whole, although no more were planned.
    return len(keys)


def _switch(base: KnowledgeBase) -> int:
    """Once every document that searches find is in the new generation, they read that one."""
    if _rebuild_jobs(base).exists() or base.next_generation is None:
        return 0
    lacking = _lacking(base)
    if lacking.filter(WITHOUT_JOB).exists():
        # Beyond what was planned: from the beginning.
        return KnowledgeBase.objects.filter(pk=base.pk, planned_to__gt=0).update(planned_to=0)
    if lacking.exists():
        # What is to replace them is written into both generations, or they are planned when that has failed.
        return 0
    # Words alone lose nothing when the new one serves before its vectors are there.
    if base.embedding and index.is_getting_vectors(
        account_id=base.account_id, base_id=base.pk, generation=base.next_generation
    ):
        return 0
    return KnowledgeBase.objects.filter(pk=base.pk).update(
        generation=base.next_generation,
        embedding=base.next_embedding,
        index_version=index.VERSION,
        next_generation=None,
        next_embedding="",
        stale_generation=base.generation,
        planned_to=0,
    )


def _documents(base: KnowledgeBase) -> QuerySet[Document]:
    return Document.objects.for_account(base.account_id).filter(base=base.pk)


def _lacking(base: KnowledgeBase) -> QuerySet[Document]:
    """Those that searches find, and would not find in the new generation."""
    return _documents(base).filter(indexed_in__gt=0, indexed_in__lt=base.next_generation)


def _rebuild_jobs(base: KnowledgeBase) -> QuerySet[IndexingJob]:
    return IndexingJob.objects.for_account(base.account_id).filter(base=base.pk, is_rebuild=True)
