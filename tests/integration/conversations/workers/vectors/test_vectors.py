"""Vectors of passages and questions, made by the vendor echo: from documents to what a search finds."""

import threading

import orjson
import pytest
import redis
from django.db import connection

from conversations import embeddings
from conversations.models import KnowledgeBase, PassageIndex, PassageVector, StoredPassage
from conversations.queries.knowledge import search
from conversations.services.knowledge import index
from conversations.stores import nearest_passages
from conversations.stores.nearest_passages import Kind, Question
from conversations.workers.vectors import nearest, passages, threads
from conversations.workers.vectors.asking import Asked
from tests.builders.factories import AccountFactory
from tests.builders.texts.passages import add_document, index_again, make_base, make_vectors
from tests.fakes import refused_rows

pytestmark = pytest.mark.django_db

MODEL = "echo"
TEXTS = ["The cat sleeps on the mat.", "Refunds are paid within 14 days.", "A dog barks."]


def run_sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def counted(base: KnowledgeBase) -> tuple[int, int, bool]:
    own = PassageIndex.objects.get(base=base, generation=1)
    return own.passages, own.vectors, own.vectors_at is not None


def test_every_passage_gets_a_vector_of_length_one(full_base: KnowledgeBase) -> None:
    assert counted(full_base) == (3, 3, False)
    assert nearest.has_pgvector()
    with connection.cursor() as cursor:
        cursor.execute("SELECT vector_norm(numbers) FROM conversations_passagevector")
        assert [norm for (norm,) in cursor.fetchall()] == pytest.approx([1.0] * 3)


def test_passages_that_are_added_later_get_theirs(full_base: KnowledgeBase) -> None:
    document = add_document(full_base, "A fourth one.")
    assert counted(full_base) == (4, 3, True)

    make_vectors()
    assert counted(full_base) == (4, 4, False)

    index_again(document, "A fourth one, changed.")
    assert counted(full_base) == (4, 3, True)
    make_vectors()
    assert counted(full_base) == (4, 4, False)


def test_passages_that_were_passed_by_get_theirs(full_base: KnowledgeBase) -> None:
    """A transaction that began before others may commit its passages, with older keys, after them."""
    first = StoredPassage.objects.earliest("pk")
    PassageVector.objects.filter(passage=first).delete()
    PassageIndex.objects.filter(base=full_base).update(vectors=2, vectors_at="2026-01-01T00:00Z")
    PassageIndex.objects.filter(base=full_base).update(vectors_to=first.pk - 1)

    make_vectors()

    assert counted(full_base) == (3, 3, False)


def test_a_passage_that_is_deleted_meanwhile_gets_none(base: KnowledgeBase) -> None:
    document = add_document(base, TEXTS[0])
    taken = {"account": base.account_id, "index": PassageIndex.objects.get().pk, "vectors_to": 0}
    lacking = list(StoredPassage.objects.values("id", "text"))
    index.remove(account_id=base.account_id, document_ids=[document.pk])

    asked = Asked({0: embeddings.of(MODEL).of_question(TEXTS[0]).vectors[0]})
    passages._keep(taken, lacking, asked, None)

    assert not PassageVector.objects.exists()
    assert counted(base)[:2] == (0, 0)


def test_a_model_of_other_dimensions_is_refused(full_base: KnowledgeBase) -> None:
    PassageIndex.objects.update(dimensions=3)
    add_document(full_base, "A fourth one.")

    assert make_vectors() == 1

    own = PassageIndex.objects.get()
    assert (own.vectors, own.vectors_failures, own.vectors_error) == (3, 1, "other_dimensions")


def test_a_model_that_is_not_there_is_asked_again_later(valkey: redis.Redis) -> None:
    base = make_base(AccountFactory.create(), embedding="no-such-model")
    add_document(base, TEXTS[0])

    assert make_vectors() == 1

    own = PassageIndex.objects.get()
    assert (own.vectors_failures, own.vectors_error, counted(base)) == (1, "unknown_model", (1, 0, True))


def test_indexes_take_turns(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conversations.embeddings.vendor.VendorModel.batch", 1)
    other = make_base(AccountFactory.create(), embedding=MODEL)
    for text in TEXTS:
        add_document(base, text)
    add_document(other, TEXTS[0])
    PassageIndex.objects.filter(base=other).update(vectors_at="2026-01-01T00:00Z")

    passages.make_batch(Kind.VENDOR)

    assert (counted(base)[1], counted(other)[1]) == (0, 1)


def test_a_search_without_a_worker_has_words_alone_and_says_so(full_base: KnowledgeBase) -> None:
    found = search.search(
        account_id=full_base.account_id, bases=[full_base.public_id], query="When are refunds paid?", limit=1
    )

    assert [hit.text for hit in found.hits] == [TEXTS[1]]
    assert found.notes == {"vectors": "no worker makes them"}


def test_a_search_whose_worker_is_busy_has_words_alone_and_says_so(
    full_base: KnowledgeBase, valkey: redis.Redis
) -> None:
    nearest_passages.serve(valkey)

    found = search.search(account_id=full_base.account_id, bases=[full_base.public_id], query="refunds", limit=1)

    assert [hit.text for hit in found.hits] == [TEXTS[1]]
    assert found.notes == {"vectors": "late"}


def test_a_question_that_nobody_waits_for_is_not_answered(full_base: KnowledgeBase, valkey: redis.Redis) -> None:
    question = Question(full_base.account_id, (1,), MODEL, "refunds", 10)
    nearest_passages.ask(valkey, question)
    for waiting in valkey.keys("knowledge:2:waiting:*"):
        valkey.delete(waiting)

    assert nearest_passages.take(valkey, Kind.VENDOR, seconds=0.1) is None
    assert valkey.keys("knowledge:*") == []


def test_no_more_questions_wait_than_can_be_answered(valkey: redis.Redis) -> None:
    for number in range(nearest_passages.WAITING_MAX + 10):
        nearest_passages.ask(valkey, Question(1, (1,), MODEL, str(number), 10))

    assert valkey.llen("knowledge:2:questions:vendor") == nearest_passages.WAITING_MAX
    taken = nearest_passages.take(valkey, Kind.VENDOR, seconds=0.1)
    # The oldest are those that were dropped.
    assert taken is None or taken[1].text == "10"


@pytest.mark.django_db(transaction=True)
def test_a_search_merges_what_words_and_vectors_find(full_base: KnowledgeBase) -> None:
    is_over = threading.Event()

    def serve() -> None:
        while not is_over.is_set():
            threads.serve_once(Kind.VENDOR, seconds=0.1)

    server = threading.Thread(target=serve)
    server.start()
    try:
        found = until_served(full_base, "refunds barks")
    finally:
        is_over.set()
        server.join()

    # By words the second and third are found; by vectors all three.
    assert found.notes == {}
    assert {hit.text for hit in found.hits} == set(TEXTS)
    assert found.hits[-1].text == TEXTS[0]
    assert all(0 <= hit.score <= 1 for hit in found.hits)


def until_served(base: KnowledgeBase, query: str) -> search.Found:
    """A busy machine may answer late, as it may in production."""
    for _ in range(50):
        found = search.search(account_id=base.account_id, bases=[base.public_id], query=query, limit=5)
        if not found.notes:
            break
    return found


def test_accounts_take_turns_however_many_bases_one_has(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conversations.embeddings.vendor.VendorModel.batch", 1)
    for number in range(5):
        many = make_base(base.account, name=str(number), embedding=MODEL)
        add_document(many, TEXTS[0])
    other = make_base(AccountFactory.create(), embedding=MODEL)
    for text in TEXTS:
        add_document(other, text)

    for _ in range(6):
        passages.make_batch(Kind.VENDOR)

    # Every other batch was theirs.
    assert counted(other)[1] == 3


def test_each_kind_of_model_has_its_own_turn(base: KnowledgeBase) -> None:
    add_document(base, TEXTS[0])

    assert not passages.make_batch(Kind.LOCAL)
    assert passages.make_batch(Kind.VENDOR)
    assert counted(base)[1] == 1


def test_a_base_that_has_words_alone_by_now_is_done(base: KnowledgeBase) -> None:
    add_document(base, TEXTS[0])
    KnowledgeBase.objects.filter(pk=base.pk).update(embedding="")

    make_vectors()

    assert counted(base) == (1, 0, False)


def test_vectors_that_the_database_refuses_wait_longer_each_time(base: KnowledgeBase) -> None:
    add_document(base, TEXTS[0])
    other = make_base(AccountFactory.create(), embedding=MODEL)
    add_document(other, TEXTS[1])
    refused = f"NEW.account_id = {base.account_id}"
    with refused_rows.refusing(run_sql, "passagevector", "INSERT", when=refused):
        make_vectors()

    own = PassageIndex.objects.get(base=base)
    assert (own.vectors, own.vectors_failures, own.vectors_error) == (0, 1, "internal_error")
    assert counted(other) == (1, 1, False)


def test_another_account_is_answered_next(valkey: redis.Redis) -> None:
    def ask(account_id: int, text: str) -> None:
        nearest_passages.ask(valkey, Question(account_id, (1,), MODEL, text, 10))

    def take(after: int | None) -> str:
        taken = nearest_passages.take(valkey, Kind.VENDOR, seconds=0.1, after=after)
        assert taken is not None
        return taken[1].text

    # The waiting keys lapse: each is asked right before.
    for text in "abc":
        ask(1, text)
    ask(2, "other")

    assert take(after=1) == "other"
    assert take(after=2) in "abc"


def test_questions_of_one_account_keep_their_order(valkey: redis.Redis) -> None:
    for text in "abc":
        nearest_passages.ask(valkey, Question(1, (1,), MODEL, text, 10))

    nearest_passages.take(valkey, Kind.VENDOR, seconds=0.1, after=1)

    left = [orjson.loads(item)["text"] for item in valkey.lrange("knowledge:2:questions:vendor", 0, -1)]
    assert left == ["c", "b"]
