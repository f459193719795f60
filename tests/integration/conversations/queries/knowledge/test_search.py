"""Searches by words: what they find, in whose base, and what they cost."""

from collections.abc import Sequence

import pytest
from django.db import connection

from conversations import errors
from conversations.knowledge import ranking
from conversations.models import Account, Document, KnowledgeBase, StoredPassage
from conversations.queries.knowledge import indexes, search, words
from tests import plans
from tests.builders.factories import AccountFactory
from tests.builders.texts.passages import add_document, index_again, make_base

pytestmark = pytest.mark.django_db


def found_in(base: KnowledgeBase, query: str, *, limit: int = 5, per_document: int = 1) -> Sequence[search.Hit]:
    account_id = base.account_id
    return search.search(
        account_id=account_id, bases=[base.public_id], query=query, limit=limit, per_document=per_document
    ).hits


@pytest.fixture
def base() -> KnowledgeBase:
    return make_base(AccountFactory.create())


def test_finds_the_passage_with_its_place_and_document(base: KnowledgeBase) -> None:
    text = "The cat sleeps.\fRefunds are paid within 14 days."
    document = add_document(base, text, name="terms.pdf", url="https://a.example/terms.pdf", page_starts=[0, 16])
    add_document(base, "Nothing of it.")

    (hit,) = found_in(base, "When is a refund paid?")

    assert (hit.document, hit.base, hit.name, hit.url) == (
        document.public_id,
        base.public_id,
        "terms.pdf",
        "https://a.example/terms.pdf",
    )
    assert (hit.text, hit.start, hit.end, hit.page, hit.position) == (
        "Refunds are paid within 14 days.",
        16,
        48,
        2,
        1,
    )


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("退款将在十四天内支付。", "什么时候退款"),
        ("一只猫在睡觉", "猫"),
        ("返金は14日以内に支払われます", "返金"),
        ("환불은 14일 이내에 지급됩니다", "환불"),
        ("Set RUN_MAX_ATTEMPTS to 3", "run_max_attempts"),
        ("Set RUN_MAX_ATTEMPTS to 3", "max attempts"),
        ("Released as v1.2.3 today", "v1.2.3"),
        ("Un café à Orléans", "cafe orleans"),
        ("It's \\ 'quoted' & (odd) | !: *", "'quoted' \\ & ( ! : * |"),
    ],
)
def test_finds_in_any_script(base: KnowledgeBase, text: str, query: str) -> None:
    document = add_document(base, text)
    add_document(base, "Something else entirely / 完全别的东西")

    assert [hit.document for hit in found_in(base, query)] == [document.public_id]


@pytest.mark.parametrize("query", ["", "   ", "?!", "\U0001f600", "unheard", "x" * 5_000])
def test_finds_nothing_for_a_question_without_known_words(base: KnowledgeBase, query: str) -> None:
    add_document(base, "The cat sleeps.")

    assert found_in(base, query) == ()


def test_an_empty_base_has_nothing(base: KnowledgeBase) -> None:
    assert found_in(base, "cat") == ()


def test_bases_of_others_are_not_there(base: KnowledgeBase) -> None:
    add_document(base, "The cat sleeps.")
    other = make_base(AccountFactory.create())
    add_document(other, "The cat sleeps.")

    with pytest.raises(errors.NotFound):
        search.search(account_id=base.account_id, bases=[base.public_id, other.public_id], query="cat", limit=5)
    assert [hit.base for hit in found_in(base, "cat")] == [base.public_id]


def test_several_bases_are_ranked_together(base: KnowledgeBase) -> None:
    other = make_base(base.account, name="another")
    best = add_document(other, "cat and dog")
    second = add_document(base, "cat and nothing else")

    found = search.search(account_id=base.account_id, bases=[base.public_id, other.public_id], query="cat dog", limit=5)

    assert [hit.document for hit in found.hits] == [best.public_id, second.public_id]


def test_only_the_current_generation_is_searched(base: KnowledgeBase) -> None:
    document = add_document(base, "The cat sleeps.")
    index_again(document, "The dog sleeps.", generation=2)

    assert [hit.text for hit in found_in(base, "cat dog")] == ["The cat sleeps."]
    KnowledgeBase.objects.filter(pk=base.pk).update(generation=2)
    assert [hit.text for hit in found_in(base, "cat dog")] == ["The dog sleeps."]


def test_a_document_takes_no_more_places_than_it_may(base: KnowledgeBase) -> None:
    long = add_document(base, "A cat. " * 1_000)
    short = add_document(base, "The dog has seen a cat.")

    assert [hit.document for hit in found_in(base, "cat")] == [long.public_id, short.public_id]
    assert len(found_in(base, "cat", per_document=3)) == 4
    assert len(found_in(base, "cat", per_document=3, limit=2)) == 2


def test_a_pasted_document_is_a_question_of_bounded_size(base: KnowledgeBase) -> None:
    document = add_document(base, "The cat sleeps.")

    found = search.search(
        account_id=base.account_id, bases=[base.public_id], query="cat " + "lorem ipsum " * 50_000, limit=5
    )

    assert [hit.document for hit in found.hits] == [document.public_id]
    assert found.notes == {"query": "only its first 4000 characters were used"}


def test_ranks_exactly_as_if_every_passage_was_compared(base: KnowledgeBase) -> None:
    texts = [f"{'common ' * (1 + number % 7)} word{number % 50} {'filler ' * (number % 13)}" for number in range(400)]
    for text in texts:
        add_document(base, text)
    query = "common word7 filler"

    ranked = words.rank(
        account_id=base.account_id,
        searched=indexes.of_bases(account_id=base.account_id, bases=[base.public_id]),
        query=query,
        wanted=5,
        per_document=1,
    )

    everything = sorted(ranking.rank(query, [text.strip() for text in texts]), reverse=True)
    assert ranked.is_exact
    assert [passage.score for passage in ranked.passages[:5]] == pytest.approx(everything[:5])


def test_common_words_find_passages_that_have_all_of_them(base: KnowledgeBase) -> None:
    for number in range(words.COMPARED + 50):
        add_document(base, f"alpha beside {number}" if number % 2 else f"beta beside {number}")
    both = add_document(base, "alpha with beta")

    found = search.search(account_id=base.account_id, bases=[base.public_id], query="alpha beta beside", limit=3)

    assert found.hits[0].document == both.public_id
    assert len(found.hits) == 3


FILL = """
INSERT INTO conversations_storedpassage
  (account_id, index_id, document_id, position, text, start, "end", words, lexemes)
SELECT account_id, index_id, document_id, position + n, text, start, "end", words,
       array_to_tsvector(ARRAY[%(prefix)s || 'cat', %(prefix)s || 'sleep', %(prefix)s || n])
FROM conversations_storedpassage, generate_series(1, %(number)s) n WHERE id = %(one)s
"""


def test_a_search_reads_no_passage_of_other_bases(base: KnowledgeBase) -> None:
    """With the statistics of an empty table, and with those of a full one."""
    add_document(base, "The cat sleeps.")
    other = add_document(make_base(AccountFactory.create()), "cat")
    fill(other, prefix="ffff:", number=40_000)

    for statistics in ("SELECT", "ANALYZE conversations_storedpassage, conversations_termcount"):
        with connection.cursor() as cursor:
            cursor.execute(statistics)
        nodes = matching_plan(base)
        assert "passage_by_lexeme" in {node.get("Index Name") for node in nodes}
        assert plans.rows_read(nodes) == 1
        assert plans.read_from_end_to_end(nodes) == set()


def test_a_search_for_words_that_half_of_all_passages_have_reads_none_of_others(base: KnowledgeBase) -> None:
    """Those of others come first in the table."""
    other = add_document(make_base(AccountFactory.create()), "cat")
    fill(other, prefix="ffff:", number=10_000)
    own = add_document(base, "The cat sleeps.")
    (searched,) = indexes.of_bases(account_id=base.account_id, bases=[base.public_id])
    fill(own, prefix=f"{searched.id:x}:", number=10_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE conversations_storedpassage")

    nodes = matching_plan(base)

    assert plans.rows_read(nodes) == words.COMPARED
    assert plans.read_from_end_to_end(nodes) == set()


def fill(document: Document, *, prefix: str, number: int) -> None:
    one = StoredPassage.objects.get(document=document).pk
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"one": one, "prefix": prefix, "number": number})


def matching_plan(base: KnowledgeBase) -> list[plans.Node]:
    (searched,) = indexes.of_bases(account_id=base.account_id, bases=[base.public_id])
    given = {
        "account": base.account_id,
        "query": f"'{searched.id:x}:cat' | '{searched.id:x}:the'",
        "most": words.COMPARED,
    }
    return plans.plan_of(words._MATCHING, given, analyze=True)


def test_an_account_is_the_only_one_whose_passages_are_loaded(base: KnowledgeBase) -> None:
    add_document(base, "The cat sleeps.")
    (passage,) = StoredPassage.objects.all()
    other: Account = AccountFactory.create()

    assert words.load(account_id=other.pk, passage_ids=[passage.pk]) == {}
    assert list(words.load(account_id=base.account_id, passage_ids=[passage.pk])) == [passage.pk]
