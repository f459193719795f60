"""What a search makes of the vectors' answer: which passages mean something else than the question."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from conversations.models import KnowledgeBase, PassageIndex, StoredPassage
from conversations.queries.knowledge import search
from conversations.stores import nearest_passages
from conversations.stores.nearest_passages import Kind, Reply
from tests.builders.factories import AccountFactory
from tests.builders.texts.passages import add_document, make_base

pytestmark = pytest.mark.django_db

TEXTS = ["The cat sleeps on the mat.", "The refunds are paid within 14 days.", "Set RUN_MAX_ATTEMPTS to the number."]


@pytest.fixture
def base(valkey: redis.Redis) -> KnowledgeBase:
    base = make_base(AccountFactory.create(), embedding="echo")
    for text in TEXTS:
        add_document(base, text)
    PassageIndex.objects.update(vectors=len(TEXTS), vectors_at=None)
    return base


def key_of(text: str) -> int:
    return StoredPassage.objects.get(text=text).pk


@contextmanager
def worker(client: redis.Redis, reply: Reply) -> Iterator[None]:
    """Answers every question so."""
    is_over = threading.Event()

    def serve() -> None:
        while not is_over.is_set():
            nearest_passages.serve(client)
            if taken := nearest_passages.take(client, Kind.VENDOR, seconds=0.05):
                nearest_passages.reply(client, taken[0], reply)

    nearest_passages.serve(client)
    server = threading.Thread(target=serve)
    server.start()
    try:
        yield
    finally:
        is_over.set()
        server.join()


def found_by(base: KnowledgeBase, client: redis.Redis, query: str, reply: Reply) -> tuple[list[str], dict[str, str]]:
    """Texts and notes. A busy machine may answer late, as it may in production."""
    with worker(client, reply):
        for _ in range(50):
            found = search.search(account_id=base.account_id, bases=[base.public_id], query=query, limit=5)
            if found.notes.get("vectors") != "late":
                break
    return [hit.text for hit in found.hits], dict(found.notes)


def test_common_words_alone_are_no_match_where_no_vector_is_near(base: KnowledgeBase, valkey: redis.Redis) -> None:
    nothing_near = Reply(is_no_match=True)

    assert found_by(base, valkey, "who is the king of the hill", nothing_near) == ([], {})


def test_a_passage_with_most_of_the_question_is_found_all_the_same(base: KnowledgeBase, valkey: redis.Redis) -> None:
    nothing_near = Reply(is_no_match=True)

    assert found_by(base, valkey, "RUN_MAX_ATTEMPTS", nothing_near) == ([TEXTS[2]], {})


def test_what_is_near_is_found_whatever_its_words(base: KnowledgeBase, valkey: redis.Redis) -> None:
    near = Reply((key_of(TEXTS[1]),), (0.5,))

    texts, notes = found_by(base, valkey, "when do I get my money from the shop", near)

    assert (texts[0], notes) == (TEXTS[1], {})


def test_a_number_in_a_question_in_another_language_is_not_before_what_is_near(
    base: KnowledgeBase, valkey: redis.Redis
) -> None:
    """It is the one word of the question that a passage has, so it is first by words."""
    add_document(base, "The shop is open 14 hours a day.")
    PassageIndex.objects.update(vectors=len(TEXTS) + 1)
    near = Reply((key_of(TEXTS[0]), key_of(TEXTS[1])), (0.5, 0.1))

    texts, notes = found_by(base, valkey, "猫在14号晚上睡在哪里的什么东西上面", near)

    assert (texts[0], len(texts), notes) == (TEXTS[0], 3, {})


def test_words_are_enough_where_vectors_know_not_all(base: KnowledgeBase, valkey: redis.Redis) -> None:
    """There is no vector of a passage, or the model has no threshold."""
    texts, notes = found_by(base, valkey, "the king", Reply())
    PassageIndex.objects.update(vectors=1, refused=1)
    incomplete, incomplete_notes = found_by(base, valkey, "the king", Reply(is_no_match=True))

    assert sorted(texts) == sorted(incomplete) == sorted(TEXTS)
    assert notes == {}
    assert incomplete_notes == {
        "vectors": "1 passages have none yet",
        "passages": "1 have words alone: the model makes no vectors of them",
    }


def test_a_failure_of_the_worker_leaves_words_alone(base: KnowledgeBase, valkey: redis.Redis) -> None:
    texts, notes = found_by(base, valkey, "the king", Reply(failure="other_dimensions"))

    assert sorted(texts) == sorted(TEXTS)
    assert notes == {"vectors": "other_dimensions"}
