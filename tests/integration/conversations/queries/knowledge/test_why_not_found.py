"""Why a document that somebody expected is not found."""

import pytest

from conversations import errors
from conversations.models import Document, KnowledgeBase
from conversations.queries.knowledge import why_not_found
from conversations.queries.knowledge.why_not_found import Explanation
from tests.builders.factories import AccountFactory
from tests.builders.texts.passages import add_document, make_base

pytestmark = pytest.mark.django_db


@pytest.fixture
def base() -> KnowledgeBase:
    return make_base(AccountFactory.create())


def explain(base: KnowledgeBase, document: Document, query: str) -> Explanation:
    _, explanation = why_not_found.search_for(
        account_id=base.account_id,
        base=base.public_id,
        expected=document.public_id,
        query=query,
        limit=1,
        per_document=1,
    )
    return explanation


def test_says_the_rank_and_the_words(base: KnowledgeBase) -> None:
    add_document(base, "Refunds are paid within 14 days.")
    expected = add_document(base, "Paid holidays are granted every year.")

    why = explain(base, expected, "when are refunds paid, ok?")

    assert (why.document_id, why.status, why.rank) == (expected.public_id, "ready", 2)
    assert why.score > 0
    assert sorted(why.matched_words) == ["are", "paid"]
    assert why.missing_words == ["refund"]
    assert sorted(why.unknown_words) == ["ok", "when"]
    assert (why.start, why.end, why.page) == (0, 37, None)


def test_a_document_without_the_words_has_no_rank(base: KnowledgeBase) -> None:
    add_document(base, "Refunds are paid within 14 days.")
    expected = add_document(base, "Nothing.")

    why = explain(base, expected, "refunds")

    assert (why.rank, why.score, why.matched_words, why.missing_words) == (None, 0.0, [], ["refund"])


def test_a_document_that_is_not_ready_says_so(base: KnowledgeBase) -> None:
    document = add_document(base, "")
    Document.objects.filter(pk=document.pk).update(status="queued")

    why = explain(base, document, "refunds")

    assert (why.status, why.rank, why.start, why.unknown_words) == ("queued", None, None, ["refund"])


def test_documents_of_other_bases_are_not_there(base: KnowledgeBase) -> None:
    other = make_base(base.account, name="another")
    document = add_document(other, "Refunds")

    with pytest.raises(errors.NotFound):
        explain(base, document, "refunds")
