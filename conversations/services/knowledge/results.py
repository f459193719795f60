"""What becomes of a claimed job's document: its text is stored, it is indexed, it has failed or waits for another try.

Whoever has lost the job meanwhile changes nothing: each locks the job's row first, if it is still this claim's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from conversations import broker, errors
from conversations.knowledge.failures import DocumentFailed
from conversations.models import Document, DocumentContent, IndexingJob, KnowledgeBase
from conversations.models.knowledge.bases import REINDEX_ERROR_MAX_CHARS
from conversations.models.knowledge.documents import (
    ERROR_CODE_MAX_CHARS,
    ERROR_MESSAGE_MAX_CHARS,
    MEDIA_TYPE_MAX_CHARS,
)
from conversations.services.knowledge import index, reports, usage
from conversations.services.transactions import retry_on_deadlock

Status = Document.Status
# So often a document is tried: a worker that dies, and a server that does not answer, count alike.
MAX_ATTEMPTS = 3
# Before the second attempt, and before the third.
PAUSES = (timedelta(seconds=5), timedelta(seconds=30))
# Until a document is tried again whose row the database refuses to change.
ASIDE = timedelta(hours=1)
# A server that asks for more is asked again earlier: somebody waits for the document.
RETRY_AFTER_MAX_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job of this worker, for as long as it has this attempt."""

    worker_id: int | None
    document_key: int
    public_id: str
    account_id: int
    base_key: int
    attempt: int
    is_rebuild: bool

    @property
    def can_be_repeated(self) -> bool:
        return self.attempt < MAX_ATTEMPTS

    def rows(self) -> QuerySet[IndexingJob]:
        """Its row; none when it was recovered from this worker, or its document was deleted."""
        own = IndexingJob.objects.for_account(self.account_id).filter(pk=self.document_key)
        return own.filter(worker=self.worker_id, attempts=self.attempt)


@dataclass(frozen=True, slots=True)
class ExtractedText:
    """`size`: bytes of what it was extracted from."""

    text: str
    page_starts: Sequence[int]
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Replacement:
    """What was read at the URL that the document is to be from now on."""

    url: str
    extracted: ExtractedText


def note_progress(job: ClaimedJob, progress: float) -> None:
    """`progress`: from 0 to 1."""
    job.rows().update(progress=progress)


@retry_on_deadlock
def store_text(job: ClaimedJob, extracted: ExtractedText) -> bool:
    """Keeps the text in the place of the bytes. Whether the job is still this claim's.

    Raises DocumentFailed when the account has no room for it.
    """
    with transaction.atomic():
        if not _lock(job):
            return False
        _keep(job, _document(job).select_for_update().get(), extracted)
    return True


def _keep(job: ClaimedJob, document: Document, extracted: ExtractedText) -> None:
    held = len(extracted.text.encode())
    own = DocumentContent.objects.for_account(job.account_id).filter(pk=job.document_key)
    own.update(text=extracted.text, page_starts=list(extracted.page_starts), data=None)
    _document(job).update(
        size=extracted.size,
        held_bytes=held,
        media_type=extracted.media_type[:MEDIA_TYPE_MAX_CHARS],
        characters=len(extracted.text),
        pages=len(extracted.page_starts),
    )
    _hold(job.account_id, held - document.held_bytes)


def _hold(account_id: int, more: int) -> None:
    used = usage.lock(account_id=account_id)
    try:
        usage.check_room(used, held_bytes=more)
    except errors.ParleyError as exc:
        raise DocumentFailed("quota_exceeded", exc.message) from exc
    usage.change(account_id=account_id, held_bytes=more)


@retry_on_deadlock
def finish(job: ClaimedJob, *, text: str, page_starts: Sequence[int], replacement: Replacement | None = None) -> bool:
    """Writes the document's passages into every generation of its base that lacks them; then it is ready.

    With a `replacement` it is that from now on, and its passages of before go in the same moment. Whether it was still
    this claim's, and is there. A base that is deleted takes its documents along itself. Raises DocumentFailed.
    """
    with transaction.atomic():
        base = KnowledgeBase.objects.for_account(job.account_id).filter(pk=job.base_key, deleted_at=None)
        # First of all: a re-indexing that begins either sees the document ready, or is seen here.
        found = base.select_for_update(no_key=True).first()
        if found is None or not _lock(job):
            return False
        document = _document(job).select_for_update().get()
        if replacement is not None and document.next_url != replacement.url:
            return False
        passages = document.passages
        for generation in _lacking(found, since=0 if replacement else document.indexed_in):
            passages = index.add(
                account_id=job.account_id,
                base_id=job.base_key,
                generation=generation,
                document_id=job.document_key,
                text=text,
                page_starts=page_starts,
            )
        if replacement is not None:
            _replace(job, document, replacement)
        _document(job).update(
            passages=passages,
            characters=len(text),
            indexed_in=found.next_generation or found.generation,
            **_ready(job, document, is_replaced=replacement is not None),
        )
        _delete(job)
        _report(job)
    return True


def _ready(job: ClaimedJob, document: Document, *, is_replaced: bool) -> dict[str, Any]:
    """Not of one that is indexed anew: what could not replace it keeps its error."""
    if job.is_rebuild:
        return {}
    return {"status": Status.READY.value, "ready_at": Now() if is_replaced else document.ready_at or Now()}


def _replace(job: ClaimedJob, document: Document, new: Replacement) -> None:
    """Raises DocumentFailed where the account has no room for it, or its base has the same one by now."""
    columns = document.replaced(new.url)
    _keep(job, document, new.extracted)
    # Additions of the account wait since its room was looked at.
    if document.has_twin(columns):
        raise DocumentFailed("duplicate", "The knowledge base has another document of this URL and name.")
    _document(job).update(next_url="", **columns)


def _report(job: ClaimedJob) -> None:
    """Not of one that is indexed anew: it was ready before."""
    if not job.is_rebuild:
        reports.report(account_id=job.account_id, document_key=job.document_key)


def _lacking(base: KnowledgeBase, *, since: int) -> list[int]:
    generations = [base.generation] if base.next_generation is None else [base.generation, base.next_generation]
    return [generation for generation in generations if generation > since]


@retry_on_deadlock
def put_back(job: ClaimedJob, *, after: timedelta | None = None, retry_after: float | None = None) -> None:
    """For another attempt: after that time, or the pause that is due, or a longer one that a server asked for (s)."""
    due = PAUSES[min(job.attempt, len(PAUSES)) - 1]
    asked = timedelta(seconds=min(retry_after or 0.0, RETRY_AFTER_MAX_SECONDS))
    pause = max(due, asked) if after is None else after
    with transaction.atomic():
        if not _lock(job):
            return
        job.rows().update(worker=None, claimed_at=None, progress=0, due_at=Now() + pause)
        note_queued(account_id=job.account_id, document_key=job.document_key)
        broker.wake_indexing()


def note_queued(*, account_id: int, document_key: int) -> None:
    own = Document.objects.for_account(account_id).filter(pk=document_key)
    own.filter(status=Status.PROCESSING.value).update(status=Status.QUEUED.value)


@retry_on_deadlock
def fail(job: ClaimedJob, failure: DocumentFailed) -> None:
    """The document has failed, and stays what it was before; of one that is re-indexed, the re-indexing has."""
    with transaction.atomic():
        base = KnowledgeBase.objects.for_account(job.account_id).filter(pk=job.base_key)
        list(base.select_for_update(no_key=True).values_list("pk", flat=True))
        if not _lock(job):
            return
        if job.is_rebuild:
            _give_up_rebuild(job, failure)
            return
        _document(job).update(
            status=Status.FAILED.value,
            error_code=failure.code[:ERROR_CODE_MAX_CHARS],
            error_message=failure.message[:ERROR_MESSAGE_MAX_CHARS],
        )
        _delete(job)
        _report(job)


def _give_up_rebuild(job: ClaimedJob, failure: DocumentFailed) -> None:
    base = KnowledgeBase.objects.for_account(job.account_id).get(pk=job.base_key)
    name = _document(job).values_list("public_id", flat=True).get()
    if base.next_generation is not None:
        KnowledgeBase.objects.filter(pk=base.pk).update(
            next_generation=None,
            next_embedding="",
            stale_generation=base.next_generation,
            reindex_error=f"{name}: {failure.message}"[:REINDEX_ERROR_MAX_CHARS],
        )
        IndexingJob.objects.for_account(job.account_id).filter(base=base.pk, is_rebuild=True, worker=None).delete()
    _delete(job)
    broker.wake_erasures()


def set_aside(job: ClaimedJob) -> None:
    """For a document whose row takes no status: its job holds no thread, and keeps no other from being claimed."""
    job.rows().update(worker=None, claimed_at=None, progress=0, due_at=Now() + ASIDE)


def drop(job: ClaimedJob) -> None:
    """For a document whose base was deleted, which takes it along."""
    job.rows().delete()


def _delete(job: ClaimedJob) -> None:
    job.rows().delete()
    if job.is_rebuild:
        broker.wake_erasures()


def _lock(job: ClaimedJob) -> bool:
    """Whether the job is still this claim's, until the transaction ends."""
    return job.rows().select_for_update().first() is not None


def _document(job: ClaimedJob) -> QuerySet[Document]:
    return Document.objects.for_account(job.account_id).filter(pk=job.document_key)
