"""A document whose row takes no status: whoever adds others notices nothing, and it holds no thread."""

import pytest
from django.db import connection

from conversations.models import Account, IndexingJob
from conversations.services.knowledge import jobs
from tests import builders
from tests.builders.knowledge import claimed
from tests.fakes.refused_rows import refusing

pytestmark = pytest.mark.django_db


def run_sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_document_that_cannot_be_claimed_fails(ann: Account, bob: Account) -> None:
    bad = builders.knowledge.document(builders.knowledge.base(ann))
    good = builders.knowledge.document(builders.knowledge.base(bob))

    with refusing(run_sql, "document", "UPDATE", when=f"NEW.id = {bad.pk} AND NEW.status = 'processing'"):
        assert builders.knowledge.work_off() == 1

    failed = builders.knowledge.now(bad)
    assert (failed.status, failed.error_code) == ("failed", "internal_error")
    assert builders.knowledge.now(good).status == "ready"
    assert not IndexingJob.objects.exists()


def test_one_that_takes_no_status_keeps_no_other_from_being_indexed(ann: Account, bob: Account) -> None:
    bad = builders.knowledge.document(builders.knowledge.base(ann))
    good = builders.knowledge.document(builders.knowledge.base(bob))

    with refusing(run_sql, "document", "UPDATE", when=f"NEW.id = {bad.pk}"):
        assert builders.knowledge.work_off() == 1
        assert not jobs.are_due()

    assert builders.knowledge.now(bad).status == "queued"
    assert builders.knowledge.now(good).status == "ready"
    builders.knowledge.make_due()
    assert builders.knowledge.work_off() == 1
    assert builders.knowledge.now(bad).status == "ready"


def test_one_whose_failure_is_refused_gives_its_thread_back(ann: Account) -> None:
    bad = builders.knowledge.document(builders.knowledge.base(ann))

    with refusing(run_sql, "document", "UPDATE", when=f"NEW.id = {bad.pk} AND NEW.status IN ('ready', 'failed')"):
        assert builders.knowledge.work_off() == 1

    assert not IndexingJob.objects.filter(worker__isnull=False).exists()
    assert not jobs.are_due()


def test_one_that_its_dead_worker_has_left_gives_its_thread_back(ann: Account) -> None:
    bad = builders.knowledge.document(builders.knowledge.base(ann))
    claimed()

    with refusing(run_sql, "document", "UPDATE", when=f"NEW.id = {bad.pk}"):
        jobs.recover_each(list(IndexingJob.objects.select_related("document")))

    assert not IndexingJob.objects.filter(worker__isnull=False).exists()
