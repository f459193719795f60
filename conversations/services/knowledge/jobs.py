"""Indexing jobs: claimed by a worker, given back when it stops, and recovered when it died.

A worker's lease is that of its runs (models/runs/workers.py): it renews one row for all of its jobs.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from conversations import broker
from conversations.knowledge.failures import DocumentFailed
from conversations.models import Document, IndexingJob
from conversations.models.runs.workers import LEASE_SECONDS
from conversations.services import one_by_one
from conversations.services.knowledge import results
from conversations.services.knowledge.results import MAX_ATTEMPTS, ClaimedJob
from conversations.stores import refusals

REFUSED = DocumentFailed("internal_error", "The document could not be stored.")
LOST = DocumentFailed("interrupted", f"Indexing it was begun {MAX_ATTEMPTS} times, and its worker ended each time.")
# Of a living worker: longer than any job takes. Its claim was committed, but the answer to it was lost.
ORPHANED = timedelta(minutes=20)
# As for runs (services/runs/fair_shares.py): an account may have so many times as many jobs claimed as threads are
# free. One alone gets three quarters of the threads, and its first job is never held.
SHARE = 3
# How many accounts are compared, of those that wait.
ACCOUNTS_LOOKED_AT = 1_000
# Another worker may have locked the job that was chosen.
TRIES = 3

# The job that has been due for longest of each account that waits: one index probe for each, by job_waiting. Then the
# one whose account has the fewest claimed.
CLAIM = f"""
WITH RECURSIVE waiting AS (
  (SELECT w.account_id, w.document_id, w.due_at FROM conversations_indexingjob w WHERE w.worker_id IS NULL
   ORDER BY w.account_id, w.due_at, w.document_id LIMIT 1)
  UNION ALL
  SELECT next.account_id, next.document_id, next.due_at FROM waiting CROSS JOIN LATERAL (
    SELECT w.account_id, w.document_id, w.due_at FROM conversations_indexingjob w
    WHERE w.worker_id IS NULL AND w.account_id > waiting.account_id
    ORDER BY w.account_id, w.due_at, w.document_id LIMIT 1
  ) next
), busy AS MATERIALIZED (
  SELECT account_id, count(*) AS jobs FROM conversations_indexingjob WHERE worker_id IS NOT NULL GROUP BY account_id
), free AS MATERIALIZED (
  SELECT (SELECT COALESCE(sum(threads), 0) FROM conversations_worker
          WHERE stopped_at IS NULL AND heartbeat_at >= statement_timestamp() - %(lease)s
            AND '{broker.KNOWLEDGE_QUEUE}' = ANY(string_to_array(queue, ',')))
         - (SELECT COALESCE(sum(jobs), 0) FROM busy) AS threads
), chosen AS MATERIALIZED (
  SELECT due.document_id
  FROM (SELECT * FROM waiting WHERE due_at <= statement_timestamp() LIMIT %(accounts)s) due
       LEFT JOIN busy USING (account_id), free
  WHERE busy.jobs IS NULL OR busy.jobs < %(share)s * (free.threads - 1)
  ORDER BY COALESCE(busy.jobs, 0), due.due_at, due.document_id LIMIT 1
), locked AS MATERIALIZED (
  SELECT document_id FROM conversations_indexingjob
  WHERE document_id = (SELECT document_id FROM chosen) AND worker_id IS NULL
  FOR UPDATE SKIP LOCKED
)
UPDATE conversations_indexingjob j
SET worker_id = %(worker)s, claimed_at = statement_timestamp(), attempts = j.attempts + 1, progress = 0
FROM locked WHERE j.document_id = locked.document_id
RETURNING j.document_id, (SELECT d.public_id FROM conversations_document d WHERE d.id = j.document_id) AS public_id,
          j.account_id, j.base_id, j.attempts, j.is_rebuild
"""  # noqa: S608 — put together of constants


def claim(*, worker_id: int) -> ClaimedJob | None:
    """The job that is next; None when none is due that this worker may take."""
    for _ in range(TRIES):
        claimed: list[ClaimedJob] = []
        try:
            with transaction.atomic():
                if (job := _claim(worker_id)) is None:
                    if not are_due():
                        return None
                    continue
                claimed.append(job)
                _note_processing(job)
                return job
        except DatabaseError as exc:
            if not claimed or not refusals.is_of_the_row(exc):
                raise
            one_by_one.log_once("claim_document", claimed[0].public_id, exc)
            # Otherwise every claim would choose it first, and no document of anybody would be indexed any more.
            end_or_set_aside(replace(claimed[0], worker_id=None, attempt=claimed[0].attempt - 1), REFUSED)
    return None


def _note_processing(job: ClaimedJob) -> None:
    if not job.is_rebuild:
        own = Document.objects.for_account(job.account_id).filter(pk=job.document_key)
        own.update(status=Document.Status.PROCESSING.value)


def end_or_set_aside(
    job: ClaimedJob,
    failure: DocumentFailed | None,
    *,
    after: timedelta | None = None,
    retry_after: float | None = None,
) -> None:
    """The job's document has failed; or, without a `failure`, waits for another try, as `results.put_back` says.

    Where that is refused too, its job is put aside. Raises the error of a store that is away.
    """
    try:
        if failure is None:
            results.put_back(job, after=after, retry_after=retry_after)
        else:
            results.fail(job, failure)
    except DatabaseError as exc:
        if not refusals.is_of_the_row(exc):
            raise
        one_by_one.log_once("end_job", job.public_id, exc)
        results.set_aside(job)


def _claim(worker_id: int) -> ClaimedJob | None:
    parameters: dict[str, Any] = {
        "worker": worker_id,
        "lease": timedelta(seconds=LEASE_SECONDS),
        "share": SHARE,
        "accounts": ACCOUNTS_LOOKED_AT,
    }
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, parameters)
        row = cursor.fetchone()
    return ClaimedJob(worker_id, *row) if row else None


def are_due() -> bool:
    return IndexingJob.objects.filter(worker=None, due_at__lte=Now()).exists()


def release(*, worker_id: int) -> None:
    """Gives back the jobs of a worker that stops in good order: these attempts do not count."""
    for account_id, key in IndexingJob.objects.filter(worker=worker_id).values_list("account", "pk"):
        with transaction.atomic():
            mine = IndexingJob.objects.for_account(account_id).filter(pk=key, worker=worker_id, attempts__gt=0)
            if mine.update(worker=None, claimed_at=None, due_at=Now(), attempts=F("attempts") - 1):
                results.note_queued(account_id=account_id, document_key=key)


def abandoned(*, are_leases_reliable: bool) -> QuerySet[IndexingJob]:
    """Jobs whose worker stopped without them or died. Lapsed leases count when they are reliable (`upkeep.begin`)."""
    is_gone = Q(worker__stopped_at__isnull=False) | Q(claimed_at__lt=Now() - ORPHANED)
    if are_leases_reliable:
        is_gone |= Q(worker__heartbeat_at__lt=Now() - timedelta(seconds=LEASE_SECONDS))
    return IndexingJob.objects.filter(is_gone, worker__isnull=False).select_related("document").order_by("pk")


def recover(job: IndexingJob) -> None:
    """Puts an abandoned job back; too often, and its document has failed."""
    claimed = ClaimedJob(
        document_key=job.pk,
        public_id=job.document.public_id,
        account_id=job.account_id,
        base_key=job.base_id,
        attempt=job.attempts,
        is_rebuild=job.is_rebuild,
        worker_id=job.worker_id,
    )
    end_or_set_aside(claimed, None if claimed.can_be_repeated else LOST, after=timedelta(0))


def recover_each(found: list[IndexingJob]) -> None:
    one_by_one.each("recover_document", found, recover, key=lambda job: job.pk)
