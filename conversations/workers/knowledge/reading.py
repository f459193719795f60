"""The text of a job's document: as it was given, or read at its URL and extracted. No database connection meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.db import connection

from conversations import extraction
from conversations.knowledge.failures import DocumentFailed
from conversations.knowledge.limits import DOCUMENT_MAX_BYTES
from conversations.models import Document, DocumentContent
from conversations.outbound.errors import OutboundError
from conversations.outbound.fetch import Fetcher
from conversations.services.knowledge import results
from conversations.services.knowledge.results import ClaimedJob, ExtractedText, Replacement

# How far a job is when its document has been read, and when its text is known.
READ, EXTRACTED = 0.1, 0.5


@dataclass(frozen=True, slots=True)
class Text:
    """`replacement`: it is not stored yet."""

    text: str
    page_starts: Sequence[int]
    replacement: Replacement | None = None


@dataclass(frozen=True, slots=True)
class _Given:
    data: bytes
    media_type: str


def text_of(job: ClaimedJob) -> Text | None:
    """None when the document is gone, or its base, or the job was recovered from this worker. Raises DocumentFailed."""
    document = _live(job)
    if document is None:
        results.drop(job)
        return None
    content = DocumentContent.objects.for_account(job.account_id).filter(pk=job.document_key).first()
    if content is None:
        return None
    next_url = "" if job.is_rebuild else document.next_url
    if content.text and not next_url:
        return Text(content.text, content.page_starts)
    _let_go()
    given = _fetched(next_url, document) if next_url else _given(document, content)
    results.note_progress(job, READ)
    _let_go()
    extracted = _extract(document, given, name=next_url or document.url or document.name)
    # One that is replaced stays what it is until its passages are written, too.
    if not next_url and not results.store_text(job, extracted):
        return None
    results.note_progress(job, EXTRACTED)
    replacement = Replacement(next_url, extracted) if next_url else None
    return Text(extracted.text, extracted.page_starts, replacement)


def _let_go() -> None:
    """Reading and extracting take seconds, and the process has few connections."""
    if not connection.in_atomic_block:
        connection.close()


def _live(job: ClaimedJob) -> Document | None:
    own = Document.objects.for_account(job.account_id).filter(pk=job.document_key)
    return own.filter(base__deleted_at=None, account__erased_at=None).first()


def _given(document: Document, content: DocumentContent) -> _Given:
    if content.data is not None:
        return _Given(bytes(content.data), document.media_type)
    return _fetched(document.url, document)


def _fetched(url: str, document: Document) -> _Given:
    try:
        fetched = fetcher().fetch(url, owner=document.account_id, most_bytes=DOCUMENT_MAX_BYTES)
    except OutboundError as exc:
        raise DocumentFailed(
            "not_fetched", f"The URL: {exc.message}.", is_retryable=not exc.is_final, retry_after=exc.retry_after
        ) from exc
    return _Given(fetched.data, fetched.declared)


def _extract(document: Document, given: _Given, *, name: str) -> ExtractedText:
    try:
        found = extraction.extract(given.data, media_type=given.media_type, name=name, owner=document.account_id)
    except extraction.Unreadable as exc:
        if exc.reason == "empty":
            raise _without_text() from exc
        raise DocumentFailed(exc.reason, exc.message, is_retryable=exc.retryable) from exc
    if not found.text.strip():
        raise _without_text()
    return ExtractedText(found.text, found.page_starts, found.media_type, size=len(given.data))


def _without_text() -> DocumentFailed:
    return DocumentFailed("no_text", "No text was found in the document.")


@cache
def fetcher() -> Fetcher:
    return Fetcher(allow=settings.OUTBOUND_ALLOW, at_once=settings.KNOWLEDGE_THREADS)
