"""A deleted document leaves nothing behind, also while it is being indexed."""

from collections.abc import Mapping

import pytest
from django.db import connection

from conversations import errors
from conversations.models import Account, Document, KnowledgeUsage
from conversations.services.knowledge import documents, removal, results
from conversations.workers.knowledge import indexing
from tests import builders
from tests.builders.knowledge import claimed

pytestmark = pytest.mark.django_db

TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind = 'r' AND a.attname = 'document_id' AND NOT a.attisdropped ORDER BY c.relname
"""


def rows_of(document: Document) -> Mapping[str, int]:
    """By table, of all that have a column for it."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        for table in [table for (table,) in cursor.fetchall()]:
            cursor.execute(f"SELECT count(*) FROM {table} WHERE document_id = %s", [document.pk])
            found[table] = cursor.fetchone()[0]
    return found


def delete(document: Document) -> None:
    removal.delete(account_id=document.account_id, base_id=document.base.public_id, document_id=document.public_id)


def test_nothing_of_it_is_left(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    gone, kept = builders.knowledge.ready(base, "gone", "kept")
    assert rows_of(gone)["conversations_documentcontent"] == 1

    delete(gone)

    assert {table: count for table, count in rows_of(gone).items() if count} == {}
    assert rows_of(kept)["conversations_documentcontent"] == 1
    assert [*Document.objects.values_list("pk", flat=True)] == [kept.pk]
    usage = KnowledgeUsage.objects.get(pk=ann.pk)
    assert (usage.documents, usage.held_bytes) == (1, builders.knowledge.now(kept).held_bytes)


def test_a_document_that_is_being_indexed_does_not_come_back(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    made = documents.add_file(account_id=ann.pk, base_id=base.public_id, name="a", data=b"One.", media_type="")
    job = claimed()

    delete(made)

    extracted = results.ExtractedText("One.", (), "text/plain", size=4)
    assert not results.store_text(job, extracted)
    assert not results.finish(job, text="One.", page_starts=())
    indexing.work(job)
    results.put_back(job)
    assert not Document.objects.exists()
    assert not any(rows_of(made).values())
    assert KnowledgeUsage.objects.get(pk=ann.pk).held_bytes == 0


def test_a_second_time_it_is_not_found(ann: Account) -> None:
    (made,) = builders.knowledge.ready(builders.knowledge.base(ann), "a")
    delete(made)

    with pytest.raises(errors.NotFound):
        delete(made)
    assert KnowledgeUsage.objects.get(pk=ann.pk).documents == 0


def test_a_batch_ends_with_the_document_that_fills_it(ann: Account) -> None:
    base = builders.knowledge.base(ann)
    made = builders.knowledge.ready(base, *"abcd")
    Document.objects.update(passages=removal.PASSAGES - 1)

    keys = removal.next_batch(Document.objects.filter(base=base.pk))

    assert keys == [made[3].pk, made[2].pk]
