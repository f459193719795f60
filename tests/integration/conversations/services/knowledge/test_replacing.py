"""Documents that are replaced by what is at a URL: they keep their id, and are found as they were until that was read.

Then nothing of what they were is left.
"""

from functools import partial
from typing import Any

import pytest
from django.db import connection

from conversations import errors
from conversations.knowledge.failures import DocumentFailed
from conversations.models import Account, Document, DocumentContent, IndexingJob, KnowledgeBase, KnowledgeUsage
from conversations.outbound.guard import CheckedUrl
from conversations.queries.knowledge import search
from conversations.services.knowledge import base_upkeep, bases, documents, index, removal, results
from conversations.services.knowledge.results import ExtractedText, Replacement
from tests import builders
from tests.builders.locks import waited_for

pytestmark = pytest.mark.django_db

URL, ELSEWHERE = CheckedUrl("https://example.com/storks.txt"), CheckedUrl("https://example.com/elsewhere")


def replace(document: Document, url: CheckedUrl = URL) -> Document:
    about: dict[str, Any] = {"account_id": document.account_id, "base_id": document.base.public_id}
    return documents.replace_by_url(**about, document_id=document.public_id, url=url)


def what_it_is(document: Document) -> tuple[object, ...]:
    text = DocumentContent.objects.get(pk=document.pk).text
    passages = (document.characters, document.passages, document.indexed_in)
    return document.kind, document.url, document.digest, document.held_bytes, document.ready_at, *passages, text


def found(base: KnowledgeBase, query: str) -> list[str]:
    hits = search.search(account_id=base.account_id, bases=[base.public_id], query=query, limit=5).hits
    return [hit.document for hit in hits]


def used(account: Account) -> tuple[int, int]:
    usage = KnowledgeUsage.objects.get(pk=account.pk)
    return usage.documents, usage.held_bytes


def read(job: results.ClaimedJob, text: str, url: str = URL) -> bool:
    """What a worker does with what it has read at the URL."""
    extracted = ExtractedText(text, [], "text/plain", len(text.encode()))
    return results.finish(job, text=text, page_starts=[], replacement=Replacement(url, extracted))


def test_a_document_that_is_ready_becomes_another_under_its_id(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    herons, other = builders.knowledge.ready(base, "herons", "other")
    removal.delete(account_id=ann.pk, base_id=base.public_id, document_id=other.public_id)

    replaced = replace(herons)
    waiting = found(base, "heron nests")
    job = builders.knowledge.claimed()
    meanwhile = found(base, "heron nests")
    assert read(job, "Storks nest on roofs.")

    assert (replaced.pk, replaced.public_id, replaced.name) == (herons.pk, herons.public_id, "herons")
    assert (replaced.status, replaced.next_url) == ("queued", URL)
    assert what_it_is(replaced) == what_it_is(herons)
    assert waiting == meanwhile == [herons.public_id]
    now = builders.knowledge.now(herons)
    assert (now.status, now.kind, now.url, now.next_url) == ("ready", "url", URL, "")
    assert (now.characters, now.passages, now.created_at) == (21, 1, herons.created_at)
    assert now.ready_at is not None
    assert herons.ready_at is not None
    assert now.ready_at >= herons.ready_at
    assert found(base, "heron") == []
    assert found(base, "storks") == [herons.public_id]
    assert used(ann) == (1, 21)
    assert index.left(account_id=ann.pk, document_ids=[herons.pk]) == {"storedpassage": 1, "passagevector": 0}


def test_one_that_still_waits_is_read_from_the_new_place_alone(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    waiting = builders.knowledge.document(base)

    replace(waiting)

    assert IndexingJob.objects.filter(document=waiting.pk).count() == 1
    assert read(builders.knowledge.claimed(), "Storks nest on roofs.")
    assert DocumentContent.objects.get(pk=waiting.pk).text == "Storks nest on roofs."
    assert used(ann) == (1, 21)
    assert found(base, "heron") == []


def test_one_that_a_worker_reads_is_left_to_it(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    document = builders.knowledge.document(base)
    builders.knowledge.claimed()

    with pytest.raises(errors.KnowledgeBusy):
        replace(document)

    now = builders.knowledge.now(document)
    assert (now.status, now.kind, now.next_url) == ("processing", "text", "")
    assert DocumentContent.objects.get(pk=document.pk).text == builders.knowledge.TEXT
    assert used(ann) == (1, len(builders.knowledge.TEXT))


def test_one_of_a_base_that_is_reindexed_comes_into_both_generations(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    (document,) = builders.knowledge.ready(base, "herons")
    bases.reindex(account_id=ann.pk, base_id=base.public_id)

    replace(document)
    assert read(builders.knowledge.claimed(), "Storks nest on roofs.")
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
    assert read(builders.knowledge.claimed(), "Storks nest on roofs.")
    # It was called by its URL, and still is.
    assert builders.knowledge.now(failed).name == URL


def test_one_that_cannot_be_replaced_stays_what_it_is_and_says_why(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    (herons,) = builders.knowledge.ready(base, "herons")
    replace(herons)

    results.fail(builders.knowledge.claimed(), DocumentFailed("not_fetched", "It is not there."))

    now = builders.knowledge.now(herons)
    assert (now.status, now.error_code, now.next_url) == ("failed", "not_fetched", URL)
    assert what_it_is(now) == what_it_is(herons)
    assert found(base, "heron nests") == [herons.public_id]
    about: dict[str, Any] = {"account_id": ann.pk, "base_id": base.public_id, "document_id": herons.public_id}
    assert documents.retry(**about).status == "queued"
    assert read(builders.knowledge.claimed(), "Storks nest on roofs.")
    assert (found(base, "heron"), found(base, "storks")) == ([], [herons.public_id])
    assert used(ann) == (1, 21)


def test_one_that_could_not_be_replaced_is_reindexed_as_what_it_is(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    (herons,) = builders.knowledge.ready(base, "herons")
    replace(herons)
    results.fail(builders.knowledge.claimed(), DocumentFailed("not_fetched", "It is not there."))
    bases.reindex(account_id=ann.pk, base_id=base.public_id)

    builders.knowledge.upkeep(lambda: KnowledgeBase.objects.get(pk=base.pk).generation == 2)

    now = builders.knowledge.now(herons)
    assert (now.status, now.error_code, now.next_url, now.indexed_in) == ("failed", "not_fetched", URL, 2)
    assert found(base, "heron nests") == [herons.public_id]


def test_a_reindexing_waits_for_one_that_is_being_replaced(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    (herons,) = builders.knowledge.ready(base, "herons")
    replace(herons)
    job = builders.knowledge.claimed()
    bases.reindex(account_id=ann.pk, base_id=base.public_id)

    rounds = [base_upkeep.advance()[0] for _ in range(3)]

    assert rounds == [0, 0, 0]
    assert KnowledgeBase.objects.get(pk=base.pk).generation == 1
    results.fail(job, DocumentFailed("not_fetched", "It is not there."))
    builders.knowledge.upkeep(lambda: KnowledgeBase.objects.get(pk=base.pk).generation == 2)
    assert found(base, "heron nests") == [herons.public_id]


def test_what_it_has_no_room_for_or_is_there_already_replaces_nothing(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    (herons,) = builders.knowledge.ready(base, "herons")
    Account.objects.filter(pk=ann.pk).update(max_knowledge_bytes=len(builders.knowledge.TEXT))
    replace(herons)
    job = builders.knowledge.claimed()

    with pytest.raises(DocumentFailed) as too_large:
        read(job, "Storks nest on roofs. " * 100)
    documents.add_url(account_id=ann.pk, base_id=base.public_id, name="herons", url=URL)
    with pytest.raises(DocumentFailed) as twice:
        read(job, "Storks nest on roofs.")

    assert (too_large.value.code, twice.value.code) == ("quota_exceeded", "duplicate")
    assert what_it_is(builders.knowledge.now(herons)) == what_it_is(herons)
    assert found(base, "heron nests") == [herons.public_id]
    assert used(ann) == (2, len(builders.knowledge.TEXT))


def test_what_was_read_at_another_url_replaces_nothing(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    (herons,) = builders.knowledge.ready(base, "herons")
    replace(herons, ELSEWHERE)

    assert not read(builders.knowledge.claimed(), "Storks nest on roofs.")

    assert found(base, "heron nests") == [herons.public_id]


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
