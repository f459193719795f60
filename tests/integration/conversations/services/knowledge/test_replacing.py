"""Documents that are replaced by what is at a URL: nothing of what they were is left, and they keep their id."""

from functools import partial
from typing import Any

import pytest
from django.db import connection

from conversations import errors
from conversations.knowledge.failures import DocumentFailed
from conversations.models import Account, Document, DocumentContent, IndexingJob, KnowledgeBase, KnowledgeUsage
from conversations.outbound.guard import CheckedUrl
from conversations.queries.knowledge import search
from conversations.services.knowledge import bases, documents, index, removal, results
from conversations.services.knowledge.results import ExtractedText
from tests import builders
from tests.builders.locks import waited_for

pytestmark = pytest.mark.django_db

URL, ELSEWHERE = CheckedUrl("https://example.com/storks.txt"), CheckedUrl("https://example.com/elsewhere")


def replace(document: Document, url: CheckedUrl = URL) -> Document:
    about: dict[str, Any] = {"account_id": document.account_id, "base_id": document.base.public_id}
    return documents.replace_by_url(**about, document_id=document.public_id, url=url)


def found(base: KnowledgeBase, query: str) -> list[str]:
    hits = search.search(account_id=base.account_id, bases=[base.public_id], query=query, limit=5).hits
    return [hit.document for hit in hits]


def used(account: Account) -> tuple[int, int]:
    usage = KnowledgeUsage.objects.get(pk=account.pk)
    return usage.documents, usage.held_bytes


def read(job: results.ClaimedJob, text: str) -> None:
    """What a worker does with what it has read at the URL."""
    extracted = ExtractedText(text, [], "text/plain", len(text.encode()))
    assert results.store_text(job, extracted)
    assert results.finish(job, text=text, page_starts=[])


def test_a_document_that_is_ready_becomes_another_under_its_id(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    herons, other = builders.knowledge.ready(base, "herons", "other")
    removal.delete(account_id=ann.pk, base_id=base.public_id, document_id=other.public_id)

    replaced = replace(herons)
    meanwhile = found(base, "heron nests")
    job = builders.knowledge.claimed()
    read(job, "Storks nest on roofs.")

    assert (replaced.pk, replaced.public_id, replaced.name) == (herons.pk, herons.public_id, "herons")
    assert (replaced.status, replaced.kind, replaced.url, replaced.passages) == ("queued", "url", URL, 0)
    assert (replaced.size, replaced.held_bytes, replaced.characters, replaced.ready_at) == (0, 0, 0, None)
    assert meanwhile == []
    now = builders.knowledge.now(herons)
    assert (now.status, now.characters, now.created_at) == ("ready", 21, herons.created_at)
    assert found(base, "heron") == []
    assert found(base, "storks") == [herons.public_id]
    assert used(ann) == (1, 21)
    assert index.left(account_id=ann.pk, document_ids=[herons.pk]) == {"storedpassage": 1, "passagevector": 0}


def test_one_that_still_waits_is_read_from_the_new_place_alone(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    waiting = builders.knowledge.document(base)

    replace(waiting)

    assert IndexingJob.objects.filter(document=waiting.pk).count() == 1
    assert DocumentContent.objects.get(pk=waiting.pk).text == ""
    assert used(ann) == (1, 0)


def test_one_that_a_worker_reads_is_left_to_it(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    document = builders.knowledge.document(base)
    builders.knowledge.claimed()

    with pytest.raises(errors.KnowledgeBusy):
        replace(document)

    now = builders.knowledge.now(document)
    assert (now.status, now.kind, now.url) == ("processing", "text", "")
    assert DocumentContent.objects.get(pk=document.pk).text == builders.knowledge.TEXT
    assert used(ann) == (1, len(builders.knowledge.TEXT))


def test_one_of_a_base_that_is_reindexed_comes_into_both_generations(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    (document,) = builders.knowledge.ready(base, "herons")
    bases.reindex(account_id=ann.pk, base_id=base.public_id)

    replace(document)
    read(builders.knowledge.claimed(), "Storks nest on roofs.")
    builders.knowledge.upkeep(lambda: KnowledgeBase.objects.get(pk=base.pk).stale_generation is not None)

    assert KnowledgeBase.objects.get(pk=base.pk).generation == 2
    assert found(base, "storks") == [document.public_id]
    assert found(base, "heron") == []


def test_a_failed_one_has_no_error_any_more(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    failed = documents.add_url(account_id=ann.pk, base_id=base.public_id, name="", url=CheckedUrl("https://a.example/"))
    results.fail(builders.knowledge.claimed(), DocumentFailed("not_found", "It is not there."))

    replaced = replace(failed)

    assert (replaced.status, replaced.error_code, replaced.error_message) == ("queued", "", "")
    # It was called by its URL, and still is.
    assert replaced.name == URL


def test_two_documents_of_a_base_are_never_the_same(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    first = builders.knowledge.document(base, "same")
    documents.add_url(account_id=ann.pk, base_id=base.public_id, name="same", url=URL)

    with pytest.raises(errors.Duplication):
        replace(first)

    assert builders.knowledge.now(first).kind == "text"
    assert found(base, "nothing") == []
    # Its own is no other's.
    assert replace(replace(first, ELSEWHERE), ELSEWHERE).pk == first.pk


def test_what_is_gone_is_not_there(ann: Account, bob: Account) -> None:
    base, of_bob = builders.knowledge.base(ann), builders.knowledge.base(bob)
    document = builders.knowledge.document(base)
    about: dict[str, Any] = {"document_id": document.public_id, "url": URL}

    for account_id, base_id in ((bob.pk, base.public_id), (bob.pk, of_bob.public_id), (ann.pk, of_bob.public_id)):
        with pytest.raises(errors.NotFound):
            documents.replace_by_url(account_id=account_id, base_id=base_id, **about)
    bases.delete(account_id=ann.pk, base_id=base.public_id)
    with pytest.raises(errors.NotFound):
        replace(document)


def test_an_erased_account_gets_nothing(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    document = builders.knowledge.document(base)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE conversations_account SET erased_at = now(), is_active = false WHERE id = %s", [ann.pk])

    with pytest.raises(errors.InvalidRequest, match="erased"):
        replace(document)

    assert builders.knowledge.now(document).kind == "text"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_one_that_is_deleted_meanwhile_is_not_there(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    (document,) = builders.knowledge.ready(base, "herons")
    about: dict[str, Any] = {"account_id": ann.pk, "base_id": base.public_id}
    raised: list[Exception] = []

    def late() -> None:
        try:
            replace(document)
        except errors.NotFound as exc:
            raised.append(exc)

    with waited_for(partial(bases.lock, **about), by=late):
        removal.delete(**about, document_id=document.public_id)

    assert len(raised) == 1
    assert Document.objects.filter(pk=document.pk).count() == IndexingJob.objects.count() == 0
    assert used(ann) == (0, 0)
