"""How many passages have a vector, and why others have none: of a base and of a document."""

import pytest
from django.db import connection

from conversations.knowledge.vector_counts import VectorCounts
from conversations.models import Document, KnowledgeBase, PassageIndex, PassageVector, StoredPassage
from conversations.queries.knowledge import vectors
from tests import plans
from tests.builders.factories import AccountFactory
from tests.builders.texts.passages import add_document, make_base

pytestmark = pytest.mark.django_db

FILL = """
INSERT INTO conversations_storedpassage
  (account_id, index_id, document_id, position, text, start, "end", words, lexemes)
SELECT account_id, index_id, document_id, position + n, text, start, "end", words, ''::tsvector
FROM conversations_storedpassage, generate_series(1, 20000) n WHERE id = %s
"""


@pytest.fixture
def base() -> KnowledgeBase:
    return make_base(AccountFactory.create(), embedding="echo")


def refuse(document: Document) -> None:
    """As the worker does."""
    passage = StoredPassage.objects.get(document=document)
    PassageVector.objects.create(
        passage=passage, account_id=passage.account_id, index_id=passage.index_id, refusal="content_refused"
    )
    PassageIndex.objects.filter(pk=passage.index_id).update(refused=1)


def of_document(document: Document) -> VectorCounts | None:
    return vectors.of_document(Document.objects.select_related("base").get(pk=document.pk))


def test_an_empty_base_has_none(base: KnowledgeBase) -> None:
    assert vectors.of_base(base) == VectorCounts(0, 0, 0, "")


def test_a_base_of_words_alone_says_nothing_of_vectors() -> None:
    base = make_base(AccountFactory.create())
    document = add_document(base, "One.")

    assert vectors.of_base(base) is None
    assert of_document(document) is None


def test_a_document_says_why_its_own_passages_have_none(base: KnowledgeBase) -> None:
    refused, waiting = add_document(base, "One."), add_document(base, "Two.")
    refuse(refused)
    PassageIndex.objects.update(vectors_error="upstream_unavailable")

    assert vectors.of_base(base) == VectorCounts(2, 0, 1, "upstream_unavailable")
    assert of_document(refused) == VectorCounts(1, 0, 1, "content_refused")
    assert of_document(waiting) == VectorCounts(1, 0, 0, "upstream_unavailable")


@pytest.mark.parametrize("statistics", ["SELECT", "ANALYZE conversations_storedpassage"])
def test_of_a_large_base_only_the_documents_own_passages_are_read(base: KnowledgeBase, statistics: str) -> None:
    other, document = add_document(base, "One."), add_document(base, "Two.")
    with connection.cursor() as cursor:
        cursor.execute(FILL, [StoredPassage.objects.get(document=other).pk])
        cursor.execute(statistics)
    about = {"account": base.account_id, "base": base.pk, "generation": 1, "document": document.pk}

    nodes = plans.plan_of(vectors._OF_DOCUMENT, about, analyze=True)

    assert plans.rows_read(nodes) <= 3
    assert plans.read_from_end_to_end(nodes) <= {"conversations_passageindex", "conversations_passagevector"}
