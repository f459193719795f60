"""Documents: added to a knowledge base, which queues them, and queued again when they have failed or are replaced.

What was added before, the same bytes under the same name, is the same document: a request may be repeated.
"""

from dataclasses import dataclass
from hashlib import sha256

from django.db import transaction
from django.db.models import QuerySet

from conversations import broker, errors
from conversations.knowledge.limits import DOCUMENT_MAX_BYTES, DOCUMENT_MAX_CHARS
from conversations.models import Document, DocumentContent, IndexingJob, KnowledgeBase
from conversations.models.knowledge.documents import DOCUMENT_NAME_MAX_CHARS, MEDIA_TYPE_MAX_CHARS
from conversations.outbound.guard import CheckedUrl
from conversations.queries.knowledge import bases as base_queries
from conversations.queries.knowledge import documents as document_queries
from conversations.rules import texts
from conversations.rules.texts import storable
from conversations.services.knowledge import bases, usage
from conversations.services.transactions import retry_on_deadlock
from conversations.stores import statements

# In the binary format, and bound on the server: written out in the statement a file is several times as large.
KEEP = """
UPDATE conversations_documentcontent SET data = %(data)b WHERE document_id = %(document)s AND account_id = %(account)s
"""
Kind, Status = Document.Kind, Document.Status
FAILED = Status.FAILED.value
QUEUED = {"status": Status.QUEUED.value, "error_code": "", "error_message": ""}


@dataclass(frozen=True, slots=True)
class _New:
    """`size`: bytes that are there already; of a URL none."""

    kind: Document.Kind
    name: str
    digest: str
    media_type: str = ""
    url: str = ""
    size: int = 0
    data: bytes | None = None
    text: str = ""


def add_text(*, account_id: int, base_id: str, name: str, text: str) -> Document:
    """Raises NotFound, InvalidRequest and QuotaExceeded."""
    if not storable(text, param="text").strip():
        raise errors.InvalidRequest("text is empty", param="text")
    if len(text) > DOCUMENT_MAX_CHARS:
        raise errors.InvalidRequest(f"text must have at most {DOCUMENT_MAX_CHARS} characters", param="text")
    data = text.encode()
    new = _New(Kind.TEXT, _named(name), sha256(data).hexdigest(), media_type="text/plain", size=len(data), text=text)
    return _add(account_id, base_id, new)


def add_url(*, account_id: int, base_id: str, name: str, url: CheckedUrl) -> Document:
    """What is at the URL is read later. Raises NotFound, InvalidRequest and QuotaExceeded."""
    new = _New(Kind.URL, _named(name or url[:DOCUMENT_NAME_MAX_CHARS]), sha256(url.encode()).hexdigest(), url=url)
    return _add(account_id, base_id, new)


def add_file(*, account_id: int, base_id: str, name: str, data: bytes, media_type: str = "") -> Document:
    """`media_type` as its sender calls it. Raises NotFound, InvalidRequest, BodyTooLarge and QuotaExceeded."""
    if not data:
        raise errors.InvalidRequest("file is empty", param="file")
    if len(data) > DOCUMENT_MAX_BYTES:
        raise errors.BodyTooLarge(f"A document has at most {DOCUMENT_MAX_BYTES} bytes.")
    media_type = storable(media_type, param="file")[:MEDIA_TYPE_MAX_CHARS]
    digest = sha256(data).hexdigest()
    new = _New(Kind.FILE, _named(name), digest, media_type=media_type, size=len(data), data=data)
    return _add(account_id, base_id, new)


def retry(*, account_id: int, base_id: str, document_id: str) -> Document:
    """Queues a document that has failed. Raises NotFound, and KnowledgeBusy for one that has not failed."""
    known = document_queries.for_account(account_id=account_id, base_id=base_id, document_id=document_id)
    if (queued := _requeue(known)) is None:
        raise errors.KnowledgeBusy(f"The document is {known.status}: only one that has failed is tried again.")
    return queued


@retry_on_deadlock
def replace_by_url(*, account_id: int, base_id: str, document_id: str, url: CheckedUrl) -> Document:
    """The same document with what is at the URL, as soon as that has been read. Until then it stays what it is.

    Raises NotFound, KnowledgeBusy while it is being indexed, and Duplication when the base has another one of this URL.
    """
    with transaction.atomic():
        # The order of locks: base, job, document, usage.
        bases.lock(account_id=account_id, base_id=base_id)
        known = document_queries.for_account(account_id=account_id, base_id=base_id, document_id=document_id)
        _drop_job(known)
        own = Document.objects.for_account(account_id).filter(pk=known.pk)
        own.select_for_update().get()
        # Additions of the account wait from here on, so none of the same URL comes between.
        usage.check_room(usage.lock(account_id=account_id))
        if known.has_twin(known.replaced(url)):
            raise errors.Duplication("The knowledge base has another document of this URL and name.")
        own.update(next_url=url, **QUEUED)
        _queue(known)
        return _loaded(account_id).get(pk=known.pk)


def _drop_job(document: Document) -> None:
    """Raises KnowledgeBusy when a worker has it: that may still store what it has read."""
    jobs = IndexingJob.objects.for_account(document.account_id).filter(pk=document.pk)
    job = jobs.select_for_update().first()
    if job is not None and job.worker_id is not None:
        raise errors.KnowledgeBusy("The document is being indexed: it can be changed when that is done.")
    jobs.delete()


@retry_on_deadlock
def _add(account_id: int, base_id: str, new: _New) -> Document:
    base = base_queries.for_account(account_id=account_id, base_id=base_id)
    with transaction.atomic():
        # Additions of an account come one after the other, so a repeated one sees the first.
        used = usage.lock(account_id=account_id)
        known = _loaded(account_id).filter(base=base.pk, digest=new.digest, name=new.name).first()
        if known is None:
            usage.check_room(used, documents=1, held_bytes=new.size)
            known = _create(base, new)
            usage.change(account_id=account_id, documents=1, held_bytes=new.size)
    return (_requeue(known) if known.status == FAILED else None) or known


def _create(base: KnowledgeBase, new: _New) -> Document:
    document = Document.objects.create(
        account_id=base.account_id,
        base=base,
        name=new.name,
        kind=new.kind.value,
        url=new.url,
        digest=new.digest,
        media_type=new.media_type,
        size=new.size,
        held_bytes=new.size,
    )
    own = {"document": document, "account_id": base.account_id}
    DocumentContent.objects.bulk_create([DocumentContent(**own, text=new.text)])
    if new.data is not None:
        statements.execute(KEEP, {"data": new.data, "document": document.pk, "account": base.account_id})
    _queue(document)
    # As it was accepted: a worker may begin with it as soon as this is committed.
    return _loaded(base.account_id).get(pk=document.pk)


@retry_on_deadlock
def _requeue(document: Document) -> Document | None:
    """As it is queued; None for one that has not failed."""
    with transaction.atomic():
        failed = Document.objects.for_account(document.account_id).filter(pk=document.pk, status=FAILED)
        if not failed.exists():
            return None
        # One that could not be replaced may be in the middle of a re-indexing, as what it is.
        _drop_job(document)
        if not failed.update(**QUEUED):
            return None
        _queue(document)
        return _loaded(document.account_id).get(pk=document.pk)


def _queue(document: Document) -> None:
    job = IndexingJob(document_id=document.pk, account_id=document.account_id, base_id=document.base_id)
    IndexingJob.objects.bulk_create([job])
    broker.wake_indexing()


def _loaded(account_id: int) -> QuerySet[Document]:
    """With their bases and their jobs."""
    return Document.objects.for_account(account_id).select_related("base", "job")


def _named(name: str) -> str:
    return texts.named(name, param="name", most=DOCUMENT_NAME_MAX_CHARS)
