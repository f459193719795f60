"""Vectors of a vendor that refuses a passage, or answers what is no vector: the other passages get theirs."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from conversations import embeddings
from conversations.embeddings import EmbeddingFailed, vendor
from conversations.models import KnowledgeBase, PassageIndex, PassageVector
from conversations.queries.knowledge import search
from conversations.services.knowledge import index
from conversations.stores.nearest_passages import Kind
from conversations.workers.vectors import asking, passages
from tests.builders.factories import AccountFactory
from tests.builders.texts.passages import add_document, make_base
from tests.fakes import defaults
from tests.fakes.replies import Json, Reply, answers, fails
from tests.fakes.replies import embeddings as vectors
from tests.fakes.upstream import FakeUpstream

pytestmark = pytest.mark.django_db

MODEL = "text-embedding-3-small"
BAD = "A bad passage."


@pytest.fixture
def upstream(settings: Any) -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        settings.VENDOR_SETTINGS = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": upstream.base_url}
        yield upstream
    if opened := vendor._http.__dict__.pop("transport", None):
        opened.close()


@pytest.fixture
def base(valkey: redis.Redis, upstream: FakeUpstream) -> KnowledgeBase:
    return make_base(AccountFactory.create(), embedding=MODEL)


def inputs(body: Json) -> list[str]:
    given = body["input"]
    return given if isinstance(given, list) else [given]


def make_all() -> int:
    batches = 0
    while batches < 10 and passages.make_batch(Kind.VENDOR):
        batches += 1
    return batches


def counted(base: KnowledgeBase) -> tuple[int, int, int, str]:
    own = PassageIndex.objects.get(base=base)
    return own.passages, own.vectors, own.refused, own.vectors_error


def has_waited() -> None:
    """As if the time until the next try was over."""
    PassageIndex.objects.update(vectors_at="2026-01-01T00:00Z")


def refuses_the_bad_one(body: Json) -> Reply:
    if BAD in inputs(body):
        return fails(400, "invalid input")
    return defaults.default_reply(body)


def test_a_passage_that_is_refused_is_set_aside_and_the_others_get_their_vectors(
    base: KnowledgeBase, upstream: FakeUpstream
) -> None:
    upstream.default = refuses_the_bad_one
    for number in range(5):
        add_document(base, f"A good passage {number}.")
    document = add_document(base, BAD)
    add_document(base, "Another good passage.")

    make_all()

    assert counted(base) == (7, 6, 1, "")
    assert PassageIndex.objects.get(base=base).vectors_at is None
    assert list(PassageVector.objects.exclude(refusal="").values_list("numbers", "refusal")) == [
        (None, "upstream_rejected")
    ]
    # Halving: a text that is refused is asked for with fewer and fewer others.
    assert [len(inputs(request.body)) for request in upstream.requests] == [7, 3, 4, 2, 2, 1, 1]
    index.remove(account_id=base.account_id, document_ids=[document.pk])
    assert counted(base) == (6, 6, 0, "")


@pytest.mark.parametrize(
    ("reply", "refusal"),
    [
        (fails(413, "too large"), "request_too_large"),
        (fails(400, "content exists risk"), "content_refused"),
        (answers(vectors([0.0, 0.0, 0.0])), "no_vector"),
        (answers(vectors([math.nan, 1.0, 1.0])), "upstream_garbled"),
        (answers(vectors([1e300, 1.0, 1.0])), "upstream_garbled"),
        (answers(vectors()), "upstream_garbled"),
        (answers(b"<html>"), "upstream_garbled"),
    ],
)
def test_whatever_one_passage_leads_to_no_other_waits_for_it(
    base: KnowledgeBase, upstream: FakeUpstream, reply: Reply, refusal: str
) -> None:
    upstream.default = lambda body: reply if BAD in inputs(body) else defaults.default_reply(body)
    for text in ("One.", BAD, "Two."):
        add_document(base, text)

    make_all()

    assert counted(base) == (3, 2, 1, "")
    assert PassageVector.objects.exclude(refusal="").get().refusal == refusal


def test_a_passage_that_is_alone_is_tried_three_times(base: KnowledgeBase, upstream: FakeUpstream) -> None:
    upstream.default = refuses_the_bad_one
    add_document(base, BAD)
    found = []

    for _ in range(3):
        has_waited()
        passages.make_batch(Kind.VENDOR)
        found.append(counted(base))

    assert found == [(1, 0, 0, "upstream_rejected"), (1, 0, 0, "upstream_rejected"), (1, 0, 1, "")]
    # The model works: that was asked before.
    assert inputs(upstream.requests[-1].body) == [asking.PROBE]


def test_a_model_that_refuses_everything_sets_nothing_aside(base: KnowledgeBase, upstream: FakeUpstream) -> None:
    upstream.default = lambda _body: fails(400, "unsupported parameter")
    for text in ("One.", "Two."):
        add_document(base, text)

    for _ in range(5):
        has_waited()
        passages.make_batch(Kind.VENDOR)

    assert counted(base) == (2, 0, 0, "upstream_rejected")
    assert PassageIndex.objects.get(base=base).vectors_failures == 5


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (fails(401, "no such key"), "upstream_auth_failed"),
        (fails(429, "slow down"), "upstream_rate_limited"),
        (fails(503, "down"), "upstream_unavailable"),
        (fails(404, "The model `x` does not exist"), "model_not_found"),
    ],
)
def test_what_is_wrong_with_the_vendor_is_said_of_the_base(
    base: KnowledgeBase, upstream: FakeUpstream, reply: Reply, code: str
) -> None:
    upstream.default = lambda _body: reply
    for text in ("One.", "Two."):
        add_document(base, text)

    make_all()

    assert counted(base) == (2, 0, 0, code)
    # No part of a batch is asked for alone.
    assert len(upstream.requests) == 1


def test_a_vendor_that_fails_in_the_middle_keeps_what_it_has_made(base: KnowledgeBase, upstream: FakeUpstream) -> None:
    for text in ("One.", "Two.", BAD, "Four."):
        add_document(base, text)
    upstream.script(fails(400), defaults.default_reply({"input": ["", ""], "model": MODEL}), fails(503))

    passages.make_batch(Kind.VENDOR)

    assert counted(base) == (4, 2, 0, "")
    upstream.default = defaults.default_reply
    make_all()
    assert counted(base) == (4, 4, 0, "")


def test_a_search_says_how_many_passages_have_words_alone(base: KnowledgeBase, upstream: FakeUpstream) -> None:
    upstream.default = refuses_the_bad_one
    for text in ("One passage.", BAD):
        add_document(base, text)
    make_all()

    found = search.search(account_id=base.account_id, bases=[base.public_id], query="bad", limit=5)

    assert [hit.text for hit in found.hits] == [BAD]
    assert found.notes == {
        "vectors": "no worker makes them",
        "passages": "1 have words alone: the model makes no vectors of them",
    }


def test_a_vendor_without_an_end_is_given_up(upstream: FakeUpstream) -> None:
    """50 MB are more than any vector."""
    upstream.default = lambda _body: answers(b" " * 70_000_000)

    with pytest.raises(EmbeddingFailed):
        embeddings.of(MODEL).of_question("One.")


def test_a_silent_vendor_is_given_up_when_nobody_waits_any_more(upstream: FakeUpstream) -> None:
    upstream.default = lambda body: defaults.default_reply(body).silent()

    with pytest.raises(EmbeddingFailed) as failed:
        embeddings.of(MODEL).of_question("One.")

    assert failed.value.code == "upstream_timeout"


def test_a_vector_of_more_numbers_than_are_kept_is_refused(upstream: FakeUpstream) -> None:
    upstream.default = lambda _body: answers(vectors([1.0] * 20_000))

    with pytest.raises(EmbeddingFailed) as failed:
        embeddings.of(MODEL).of_question("One.")

    assert failed.value.code == "no_vector"
