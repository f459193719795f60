"""What a worker makes of a job: a document that is ready, or one that says why it failed."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from pytest_django import Settings

from conversations.models import Account, Document, DocumentContent, IndexingJob, KnowledgeUsage
from conversations.outbound.guard import CheckedUrl
from conversations.services.knowledge import bases, documents
from conversations.workers.knowledge import indexing, reading
from tests import builders
from tests.builders.knowledge import claimed
from tests.fakes.receiver import answers, says
from tests.fakes.refused_rows import refusing
from tests.fakes.web import FakeWeb

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loopback_receivers")]


def file(ann: Account, data: bytes, *, media_type: str = "text/plain", name: str = "a.txt") -> Document:
    base = builders.knowledge.base(ann)
    return documents.add_file(account_id=ann.pk, base_id=base.public_id, name=name, data=data, media_type=media_type)


def at_url(ann: Account, url: str) -> Document:
    base = builders.knowledge.base(ann)
    return documents.add_url(account_id=ann.pk, base_id=base.public_id, name="", url=CheckedUrl(url))


@pytest.fixture
def web() -> Iterator[FakeWeb]:
    with FakeWeb() as web:
        yield web


def test_a_file_becomes_its_text(ann: Account) -> None:
    made = file(ann, "Reiher nisten früh.".encode())

    indexing.work(claimed())

    done = builders.knowledge.now(made)
    assert (done.status, done.indexed_in, done.characters, done.size) == ("ready", 1, 19, 20)
    assert done.passages > 0
    assert done.ready_at is not None
    content = DocumentContent.objects.get(pk=made.pk)
    assert (content.data, content.text) == (None, "Reiher nisten früh.")
    assert not IndexingJob.objects.exists()
    assert KnowledgeUsage.objects.get(pk=ann.pk).held_bytes == done.held_bytes == 20


def test_what_is_no_document_fails_with_a_reason_and_keeps_its_bytes(ann: Account) -> None:
    made = file(ann, b"\x00\x01\x02\xff" * 100, media_type="application/x-nothing", name="a.bin")

    indexing.work(claimed())

    failed = builders.knowledge.now(made)
    assert failed.status == "failed"
    assert failed.error_code
    assert failed.error_message
    assert not IndexingJob.objects.exists()
    # To be tried again by a later release.
    assert DocumentContent.objects.get(pk=made.pk).data is not None


def test_a_document_without_text_says_so(ann: Account) -> None:
    made = file(ann, b" \n\n ")

    indexing.work(claimed())

    failed = builders.knowledge.now(made)
    assert (failed.status, failed.error_code) == ("failed", "no_text")


def test_a_server_that_is_away_is_asked_three_times(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    url = CheckedUrl("http://127.0.0.1:9/x")
    made = documents.add_url(account_id=ann.pk, base_id=base.public_id, name="", url=url)

    seen = []
    for _ in range(3):
        builders.knowledge.make_due()
        indexing.work(claimed())
        seen.append(builders.knowledge.now(made).status)

    failed = builders.knowledge.now(made)
    assert seen == ["queued", "queued", "failed"]
    assert (failed.error_code, failed.error_message) == ("not_fetched", "The URL: the server cannot be reached.")


@pytest.mark.parametrize("status", [204, 304, 401, 404, 410, 451])
def test_a_server_that_has_no_such_document_is_asked_once(ann: Account, web: FakeWeb, status: int) -> None:
    made = at_url(ann, web.page("/x", answers(status)))

    indexing.work(claimed())

    failed = builders.knowledge.now(made)
    assert (failed.status, failed.error_code) == ("failed", "not_fetched")
    assert failed.error_message == f"The URL: the server answered with status {status}."
    assert web.opened == ["/x"]


def test_a_document_that_is_too_large_is_asked_for_once(ann: Account, web: FakeWeb) -> None:
    made = at_url(ann, web.page("/x", says(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")))

    indexing.work(claimed())

    failed = builders.knowledge.now(made)
    assert (failed.status, failed.error_message) == ("failed", "The URL: it has more than 20 MB.")


@pytest.mark.parametrize(
    ("status", "said", "seconds"), [(408, "", 5), (425, "", 5), (500, "2", 5), (429, "90", 90), (503, "1e300", 3600)]
)
def test_a_server_that_is_busy_is_asked_again_when_it_wants(
    ann: Account, web: FakeWeb, status: int, said: str, seconds: int
) -> None:
    made = at_url(ann, web.page("/x", answers(status, headers={"Retry-After": said} if said else {})))
    job, wait = claimed(), timedelta(seconds=seconds)
    before = builders.webhooks.now()

    indexing.work(job)

    assert builders.knowledge.now(made).status == "queued"
    assert before + wait <= IndexingJob.objects.get(pk=made.pk).due_at <= builders.webhooks.now() + wait


def test_an_address_that_is_not_allowed_is_never_asked(ann: Account, settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = ()
    reading.fetcher.cache_clear()
    base = builders.knowledge.base(ann)
    url = CheckedUrl("http://127.0.0.1:9/x")
    made = documents.add_url(account_id=ann.pk, base_id=base.public_id, name="", url=url)

    indexing.work(claimed())
    reading.fetcher.cache_clear()

    failed = builders.knowledge.now(made)
    assert (failed.status, failed.error_code) == ("failed", "not_fetched")


def test_a_text_that_is_too_much_for_the_quota_fails(ann: Account) -> None:
    made = file(ann, b"x" * 100)
    Account.objects.filter(pk=ann.pk).update(max_knowledge_bytes=100)
    Document.objects.filter(pk=made.pk).update(held_bytes=10)

    indexing.work(claimed())

    failed = builders.knowledge.now(made)
    assert (failed.status, failed.error_code) == ("failed", "quota_exceeded")
    assert DocumentContent.objects.get(pk=made.pk).text == ""


def test_a_row_that_the_database_refuses_fails_its_document_alone(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    bad, good = builders.knowledge.document(base, "bad"), builders.knowledge.document(base, "good")

    def run_sql(sql: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)

    with refusing(run_sql, "document", "UPDATE", when="NEW.status = 'ready' AND NEW.name = 'bad'"):
        assert builders.knowledge.work_off() == 2

    failed = builders.knowledge.now(bad)
    assert (failed.status, failed.error_code) == ("failed", "internal_error")
    assert failed.error_message == "The document could not be stored."
    assert builders.knowledge.now(good).status == "ready"
    assert not IndexingJob.objects.exists()


def test_a_job_of_a_deleted_base_is_dropped(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    builders.knowledge.document(base)
    job = claimed()
    bases.delete(account_id=ann.pk, base_id=base.public_id)

    indexing.work(job)

    assert not IndexingJob.objects.exists()
