"""Which passages are nearest to a question: compared by the database, and by the worker itself."""

import pytest

from conversations import embeddings
from conversations.knowledge import nearness
from conversations.models import KnowledgeBase, PassageIndex, StoredPassage
from conversations.services.knowledge import index
from conversations.stores.nearest_passages import Question
from conversations.workers.vectors import kept_vectors, nearest, questions
from tests.builders.factories import AccountFactory
from tests.builders.texts.passages import add_document, make_vectors

pytestmark = pytest.mark.django_db

MODEL = "echo"
TEXTS = ["The cat sleeps on the mat.", "Refunds are paid within 14 days.", "A dog barks."]


def nearest_texts(base: KnowledgeBase, question: str, *, most: int = 10) -> list[str]:
    found = nearest.find(
        account_id=base.account_id,
        index_ids=[PassageIndex.objects.get(base=base).pk],
        vector=embeddings.of(MODEL).of_question(question).vectors[0],
        most=most,
    )
    texts = StoredPassage.objects.in_bulk(found.passage_ids)
    return [texts[key].text for key in found.passage_ids]


def test_the_nearest_come_first(full_base: KnowledgeBase) -> None:
    assert nearest_texts(full_base, TEXTS[1])[0] == TEXTS[1]
    assert nearest_texts(full_base, TEXTS[2], most=1) == [TEXTS[2]]


def test_the_same_are_nearest_without_pgvector(base: KnowledgeBase, bytes_alone: None) -> None:
    for text in TEXTS:
        add_document(base, text)
    make_vectors()

    assert not nearest.has_pgvector()
    assert nearest_texts(base, TEXTS[1])[0] == TEXTS[1]
    assert len(nearest_texts(base, TEXTS[1])) == 3


def test_kept_vectors_are_read_again_after_a_change(base: KnowledgeBase, bytes_alone: None) -> None:
    document = add_document(base, TEXTS[0])
    make_vectors()
    assert nearest_texts(base, TEXTS[0]) == [TEXTS[0]]

    add_document(base, TEXTS[1])
    make_vectors()
    assert sorted(nearest_texts(base, TEXTS[0])) == sorted(TEXTS[:2])

    index.remove(account_id=base.account_id, document_ids=[document.pk])
    assert nearest_texts(base, TEXTS[0]) == [TEXTS[1]]


def test_vectors_of_others_are_never_compared(full_base: KnowledgeBase) -> None:
    found = nearest.find(
        account_id=AccountFactory.create().pk,
        index_ids=[PassageIndex.objects.get(base=full_base).pk],
        vector=embeddings.of(MODEL).of_question(TEXTS[0]).vectors[0],
        most=10,
    )

    assert found.passage_ids == ()


@pytest.mark.parametrize("has_pgvector", [True, False])
def test_nothing_is_found_when_the_nearest_is_no_nearer_than_chance(
    base: KnowledgeBase, has_pgvector: bool, request: pytest.FixtureRequest
) -> None:
    if not has_pgvector:
        request.getfixturevalue("bytes_alone")
    add_document(base, TEXTS[1])
    for number in range(nearness.PASSAGES_MIN):
        add_document(base, f"{number * 7919:x} {number * 104729:x}")
    make_vectors()

    def found(question: str, chance: float | None) -> nearest.Found:
        return nearest.find(
            account_id=base.account_id,
            index_ids=[PassageIndex.objects.get().pk],
            vector=embeddings.of(MODEL).of_question(question).vectors[0],
            most=5,
            chance=chance,
        )

    same = StoredPassage.objects.get(text=TEXTS[1]).pk
    assert found(TEXTS[1], 0.5).passage_ids[0] == same
    assert not found(TEXTS[1], 0.5).is_no_match
    # As if a hundredth of a thousandth of a passage were too many.
    assert found("zzz qqq", 1e-5) == nearest.Found(is_no_match=True)
    # Nobody knows what is near: there is always a match.
    assert len(found("zzz qqq", None).passage_ids) == 5


def test_a_question_of_other_dimensions_is_said_not_to_be_compared(full_base: KnowledgeBase) -> None:
    PassageIndex.objects.update(dimensions=3)

    reply = questions.answer(Question(full_base.account_id, (PassageIndex.objects.get().pk,), MODEL, TEXTS[0], 10))

    assert (reply.passage_ids, reply.failure) == ((), "other_dimensions")


def test_an_index_that_is_too_large_for_this_process_is_not_read(
    base: KnowledgeBase, bytes_alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_document(base, TEXTS[0])
    make_vectors()
    monkeypatch.setattr(kept_vectors, "CACHE_BYTES", 1_000)

    reply = questions.answer(Question(base.account_id, (PassageIndex.objects.get().pk,), MODEL, TEXTS[0], 10))

    assert (reply.passage_ids, reply.failure) == ((), "too_many")


@pytest.mark.parametrize("has_pgvector", [True, False])
def test_the_reply_says_how_near_each_is(
    base: KnowledgeBase, has_pgvector: bool, request: pytest.FixtureRequest
) -> None:
    if not has_pgvector:
        request.getfixturevalue("bytes_alone")
    for text in TEXTS:
        add_document(base, text)
    make_vectors()

    reply = questions.answer(Question(base.account_id, (PassageIndex.objects.get().pk,), MODEL, TEXTS[1], 10))

    assert reply.shares == [pytest.approx(1.0, abs=1e-6), 0.0, 0.0]
    assert len(reply.passage_ids) == 3
