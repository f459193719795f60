"""Documents: added once, bounded by the account's quotas, tried again when they have failed."""

from functools import partial

import pytest
from django.db import transaction

from conversations import broker, errors
from conversations.knowledge.failures import DocumentFailed
from conversations.knowledge.limits import DOCUMENT_MAX_CHARS
from conversations.models import Account, Document, DocumentContent, IndexingJob, KnowledgeUsage
from conversations.outbound.guard import CheckedUrl
from conversations.services.knowledge import bases, documents, results
from tests import builders

pytestmark = pytest.mark.django_db

FAILURE = DocumentFailed("damaged", "The document is damaged.")


def used(account: Account) -> tuple[int, int]:
    usage = KnowledgeUsage.objects.get(pk=account.pk)
    return usage.documents, usage.held_bytes


def test_a_document_is_queued_with_what_was_given(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    data = bytes(range(256)) * 400

    made = documents.add_file(account_id=ann.pk, base_id=base.public_id, name="a.pdf", data=data, media_type="x/y")

    assert (made.status, made.kind, made.size, made.media_type) == ("queued", "file", len(data), "x/y")
    content = DocumentContent.objects.get(pk=made.pk)
    assert (bytes(content.data or b""), content.text) == (data, "")
    assert IndexingJob.objects.get(pk=made.pk).attempts == 0
    assert used(ann) == (1, len(data))


@pytest.mark.django_db(transaction=True)
def test_it_is_queued_as_it_was_accepted_however_fast_a_worker_is(
    ann: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = builders.knowledge.base(ann)
    # The wake-up reaches a worker at once.
    began: list[results.ClaimedJob] = []
    monkeypatch.setattr(
        broker, "wake_indexing", lambda: transaction.on_commit(lambda: began.append(builders.knowledge.claimed()))
    )

    made = builders.knowledge.document(base)
    results.fail(began[0], FAILURE)
    again = builders.knowledge.document(base)
    results.fail(began[1], FAILURE)
    retried = documents.retry(account_id=ann.pk, base_id=base.public_id, document_id=made.public_id)

    assert [one.status for one in (made, again, retried)] == ["queued"] * 3
    assert [one.job.attempts for one in (made, again, retried)] == [0, 0, 0]
    assert (len(began), builders.knowledge.now(made).status) == (3, "processing")


def test_the_same_again_is_the_same_document(ann: Account) -> None:
    base, other = builders.knowledge.base(ann), builders.knowledge.base(ann, "Other")

    first = builders.knowledge.document(base)
    again = builders.knowledge.document(base)
    renamed = builders.knowledge.document(base, "renamed")
    elsewhere = builders.knowledge.document(other)

    assert again.pk == first.pk
    assert len({first.pk, renamed.pk, elsewhere.pk}) == 3
    assert Document.objects.count() == IndexingJob.objects.count() == 3
    assert used(ann) == (3, 3 * first.size)


def test_the_same_again_tries_a_failed_one_again(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    first = builders.knowledge.document(base)
    results.fail(builders.knowledge.claimed(), FAILURE)

    again = builders.knowledge.document(base)

    assert (again.pk, again.status, again.error_code, again.error_message) == (first.pk, "queued", "", "")
    assert used(ann) == (1, first.size)


def test_a_name_is_one_line_that_everybody_sees(ann: Account) -> None:
    base = bases.create(account_id=ann.pk, name=" Bi\u200brds\n\u202eof ")

    made = builders.knowledge.document(base, "a\u202e\nfdp.\u2066 b\t\x07c")

    assert (base.name, made.name) == ("Birds of", "a fdp. b c")
    with pytest.raises(errors.Duplication):
        bases.create(account_id=ann.pk, name="Birds\u2060 of")
    assert bases.rename(account_id=ann.pk, base_id=base.public_id, name="a\r\nb").name == "a b"


def test_a_url_is_read_later(ann: Account) -> None:
    base = builders.knowledge.base(ann)

    made = documents.add_url(account_id=ann.pk, base_id=base.public_id, name="", url=CheckedUrl("https://a.example/x"))

    assert (made.name, made.url, made.kind, made.size) == ("https://a.example/x", "https://a.example/x", "url", 0)
    assert used(ann) == (1, 0)


@pytest.mark.parametrize(
    ("quota", "message"),
    [
        ("max_knowledge_documents", "An account has at most 1 documents in its knowledge bases."),
        ("max_knowledge_bytes", "An account has at most 60 bytes of documents in its knowledge bases."),
    ],
)
def test_no_more_than_the_quota(ann: Account, quota: str, message: str) -> None:
    Account.objects.filter(pk=ann.pk).update(**{quota: 1 if "documents" in quota else 60})
    base = builders.knowledge.base(ann)
    first = builders.knowledge.document(base)

    with pytest.raises(errors.QuotaExceeded) as refused:
        builders.knowledge.document(base, "second")

    assert refused.value.message == message
    assert used(ann) == (1, first.size)
    assert [*Document.objects.values_list("name", flat=True)] == ["herons"]
    # What is there already is no second one.
    assert builders.knowledge.document(base).pk == first.pk


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (" ", "x", "name must have from 1 to 300 characters"),
        ("\u200b\u202e\n", "x", "name must have from 1 to 300 characters"),
        ("n" * 301, "x", "name must have from 1 to 300 characters"),
        ("a\x00", "x", "name contains a NUL character"),
        ("a", " \n", "text is empty"),
        ("a", "a\x00", "text contains a NUL character"),
        ("a", "x" * (DOCUMENT_MAX_CHARS + 1), "text must have at most 4000000 characters"),
    ],
)
def test_what_cannot_be_a_document_is_refused(ann: Account, name: str, text: str, message: str) -> None:
    base = builders.knowledge.base(ann)

    with pytest.raises(errors.InvalidRequest) as refused:
        builders.knowledge.document(base, name, text)

    assert refused.value.message == message
    assert not Document.objects.exists()


def test_only_a_failed_document_is_tried_again(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    made = builders.knowledge.document(base)
    retry = partial(documents.retry, account_id=ann.pk, base_id=base.public_id, document_id=made.public_id)

    with pytest.raises(errors.KnowledgeBusy, match="The document is queued"):
        retry()
    results.fail(builders.knowledge.claimed(), FAILURE)
    failed = builders.knowledge.now(made)
    retried = retry()

    assert (failed.status, failed.error_code, failed.error_message) == ("failed", "damaged", FAILURE.message)
    assert (retried.status, retried.error_code) == ("queued", "")
    assert IndexingJob.objects.get(pk=made.pk).attempts == 0


def test_another_account_finds_neither_base_nor_document(ann: Account, bob: Account) -> None:
    base = builders.knowledge.base(ann)
    made = builders.knowledge.document(base)

    with pytest.raises(errors.NotFound):
        documents.add_text(account_id=bob.pk, base_id=base.public_id, name="x", text="x")
    with pytest.raises(errors.NotFound):
        documents.retry(account_id=bob.pk, base_id=base.public_id, document_id=made.public_id)
