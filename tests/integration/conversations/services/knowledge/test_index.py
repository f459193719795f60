"""Passages and the counts of their words change together, whoever writes at the same time."""

from collections import Counter
from contextlib import suppress

import pytest
from django.db import IntegrityError, connection, transaction

from conversations.knowledge import terms
from conversations.models import (
    Document,
    KnowledgeBase,
    PassageIndex,
    PassageVector,
    StoredPassage,
    TermCount,
)
from conversations.services.knowledge import index
from tests.builders.factories import AccountFactory
from tests.builders.texts.passages import add_document, index_again, make_base

pytestmark = pytest.mark.django_db


@pytest.fixture
def base() -> KnowledgeBase:
    return make_base(AccountFactory.create())


def word_counts(base: KnowledgeBase) -> dict[str, int]:
    return dict(TermCount.objects.for_account(base.account_id).values_list("term", "passages"))


def counted(base: KnowledgeBase) -> tuple[int, int]:
    return PassageIndex.objects.values_list("passages", "words").get(base=base)


def assert_counts_are_true(base: KnowledgeBase) -> None:
    containing: Counter[str] = Counter()
    texts = list(StoredPassage.objects.for_account(base.account_id).values_list("text", flat=True))
    for text in texts:
        containing.update(terms.counts(text).keys() | terms.single_characters(text))
    assert word_counts(base) == containing
    assert counted(base) == (len(texts), sum(terms.counts(text).total() for text in texts))


def test_counts_passages_and_words(base: KnowledgeBase) -> None:
    add_document(base, "The cat and the dog")
    add_document(base, "The cat")

    assert word_counts(base) == {"the": 2, "cat": 2, "and": 1, "dog": 1}
    assert counted(base) == (2, 7)


def test_many_passages_of_many_scripts_are_counted(base: KnowledgeBase) -> None:
    add_document(base, "The quick fox. " * 500 + "敏捷的狐狸。" * 300)
    add_document(base, "A fox 狐狸 RUN_MAX v1.2")

    assert StoredPassage.objects.count() > 10
    assert_counts_are_true(base)


def test_indexing_a_document_again_replaces_it(base: KnowledgeBase) -> None:
    add_document(base, "The cat")
    document = add_document(base, "The dog sleeps")

    assert index_again(document, "A dog") == 1

    assert word_counts(base) == {"the": 1, "cat": 1, "a": 1, "dog": 1}
    assert_counts_are_true(base)


def test_removing_a_document_leaves_nothing_of_it(base: KnowledgeBase) -> None:
    add_document(base, "The cat")
    document = add_document(base, "The dog. " * 500)
    index_again(document, "The dog", generation=2)
    first = StoredPassage.objects.filter(document=document).earliest("pk")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO conversations_passagevector (account_id, index_id, passage_id, numbers) "
            "SELECT account_id, index_id, id, '[1]' FROM conversations_storedpassage WHERE id = %s",
            [first.pk],
        )
    PassageIndex.objects.filter(pk=first.index_id).update(vectors=1)

    index.remove(account_id=base.account_id, document_ids=[document.pk])

    assert index.left(account_id=base.account_id, document_ids=[document.pk]) == {
        "storedpassage": 0,
        "passagevector": 0,
    }
    assert word_counts(base) == {"the": 1, "cat": 1}
    assert list(PassageIndex.objects.order_by("generation").values_list("passages", "words", "vectors")) == [
        (1, 2, 0),
        (0, 0, 0),
    ]


def test_a_base_without_documents_takes_its_indexes_along(base: KnowledgeBase) -> None:
    document = add_document(base, "The cat")
    index.remove(account_id=base.account_id, document_ids=[document.pk])
    document.delete()

    base.delete()

    assert not PassageIndex.objects.exists()
    assert not TermCount.objects.exists()


def test_removes_nothing_of_another_account(base: KnowledgeBase) -> None:
    document = add_document(base, "The cat")

    index.remove(account_id=AccountFactory.create().pk, document_ids=[document.pk])

    assert StoredPassage.objects.count() == 1
    assert_counts_are_true(base)


def test_a_generation_is_dropped_in_batches(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "PASSAGES_DROPPED", 2)
    document = add_document(base, "A fox jumps. " * 200)
    index_again(document, "kept", generation=2)
    passages = StoredPassage.objects.filter(index__generation=1).count()

    rows = []
    while dropped := index.drop_generation(account_id=base.account_id, base_id=base.pk, generation=1):
        rows.append(dropped)

    assert passages == 3
    # Passages, then words, then the index.
    assert rows == [2, 1, 3, 1]
    assert word_counts(base) == {"kept": 1}


def test_a_text_of_blanks_has_no_passages(base: KnowledgeBase) -> None:
    document = add_document(base, " \n ")

    assert index_again(document, "\x0c") == 0
    assert not StoredPassage.objects.exists()


def test_a_failed_transaction_leaves_counts_as_they_were(base: KnowledgeBase) -> None:
    document = add_document(base, "The cat")

    with suppress(ZeroDivisionError), transaction.atomic():
        index_again(document, "The dog")
        assert word_counts(base) == {"the": 1, "dog": 1}
        raise ZeroDivisionError

    assert word_counts(base) == {"the": 1, "cat": 1}
    assert_counts_are_true(base)


@pytest.mark.django_db(transaction=True)
def test_no_passage_belongs_to_a_document_of_another_account() -> None:
    base = make_base(AccountFactory.create())
    document: Document = add_document(make_base(AccountFactory.create()), "The cat")

    with pytest.raises(IntegrityError), transaction.atomic():
        index.add(
            account_id=base.account_id,
            base_id=base.pk,
            generation=1,
            document_id=document.pk,
            text="The dog",
            page_starts=(),
        )

    assert StoredPassage.objects.filter(account=base.account).count() == 0
    assert not PassageVector.objects.exists()
