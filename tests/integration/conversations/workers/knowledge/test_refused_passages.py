"""A row of an index that the database refuses: its document fails alone, and its base is deleted all the same."""

import pytest
from django.db import connection

from conversations.models import Account, KnowledgeBase, PassageIndex, TermCount
from conversations.services.knowledge import base_upkeep, bases
from tests import builders
from tests.fakes import refused_rows

pytestmark = pytest.mark.django_db


def run_sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("table", ["passageindex", "storedpassage", "termcount"])
def test_a_document_whose_rows_are_refused_fails_alone(ann: Account, bob: Account, table: str) -> None:
    refused = builders.knowledge.document(builders.knowledge.base(ann))
    other = builders.knowledge.document(builders.knowledge.base(bob))

    with refused_rows.refusing(run_sql, table, "INSERT", when=f"NEW.account_id = {ann.pk}"):
        assert builders.knowledge.work_off() == 2

    failed = builders.knowledge.now(refused)
    assert (failed.status, failed.error_code) == ("failed", "internal_error")
    assert failed.error_message == "The document could not be stored."
    assert builders.knowledge.now(other).status == "ready"
    assert not TermCount.objects.for_account(ann.pk).exists()
    assert not PassageIndex.objects.for_account(ann.pk).exists()


@pytest.mark.parametrize("table", ["passageindex", "storedpassage", "termcount"])
def test_a_base_whose_rows_cannot_be_deleted_holds_up_no_other(ann: Account, bob: Account, table: str) -> None:
    kept, gone = builders.knowledge.base(ann), builders.knowledge.base(bob)
    for base in (kept, gone):
        builders.knowledge.ready(base, "a")
        bases.delete(account_id=base.account_id, base_id=base.public_id)

    with refused_rows.refusing(run_sql, table, "DELETE", when=f"OLD.account_id = {ann.pk}"):
        for _ in range(5):
            base_upkeep.advance()
        assert list(KnowledgeBase.objects.values_list("pk", flat=True)) == [kept.pk]

    builders.knowledge.upkeep(lambda: not KnowledgeBase.objects.exists())
    assert not KnowledgeBase.objects.exists()
