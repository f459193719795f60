"""Why a search does not find a document that somebody expected: its rank, its score, and the words that are missing."""

from collections.abc import Sequence
from dataclasses import dataclass

from conversations import errors
from conversations.models import Document, StoredPassage
from conversations.queries.knowledge import documents, indexes, search, words
from conversations.queries.knowledge.indexes import SearchedIndex
from conversations.queries.knowledge.meanings import MayAsk
from conversations.queries.knowledge.search import Found, Ranking
from conversations.queries.knowledge.words import Question, ScoredPassage

# Of a long document, from its beginning, where the search has compared none of its passages: a quarter of a second.
PASSAGES_COMPARED = 2_000


@dataclass(frozen=True, slots=True)
class Explanation:
    """`rank`: among the documents that were compared, from 1; None for one that was not.

    Span and page are of its best passage. `matched_words`: of the question and in that passage; `missing_words`: in
    others of the base alone; `unknown_words`: in none.
    """

    document_id: str
    status: str
    rank: int | None
    score: float
    page: int | None
    start: int | None
    end: int | None
    matched_words: Sequence[str]
    missing_words: Sequence[str]
    unknown_words: Sequence[str]


def search_for(
    *,
    account_id: int,
    base: str,
    expected: str,
    query: str,
    limit: int,
    per_document: int,
    may_ask: MayAsk | None = None,
) -> tuple[Found, Explanation]:
    """A search, and what it knows of the document `expected`. Raises NotFound for a base or document not there."""
    searched = indexes.of_bases(account_id=account_id, bases=[base])
    own = Document.objects.for_account(account_id).filter(base__public_id=base, public_id=expected)
    document = own.only("pk", "public_id", "status").first()
    if document is None:
        raise errors.NotFound(documents.NOT_FOUND, param="expected_document")
    ranking = search.rank(
        account_id=account_id,
        searched=searched,
        query=query,
        limit=limit,
        per_document=per_document,
        may_ask=may_ask,
    )
    found = search.found(account_id, searched, ranking, limit=limit, per_document=per_document)
    return found, _explanation(account_id, searched, document, ranking)


def _explanation(
    account_id: int, searched: Sequence[SearchedIndex], document: Document, ranking: Ranking
) -> Explanation:
    question = ranking.words.question
    rank, best = _place(ranking.passages, document.pk)
    # One that only its meaning has found has no words yet.
    if best is None or not best.matched:
        best = _best(account_id, searched, document.pk, question) or best
    matched = set(best.matched if best else ())
    return Explanation(
        document_id=document.public_id,
        status=document.status,
        rank=rank,
        score=best.score if best else 0.0,
        page=best.page if best else None,
        start=best.start if best else None,
        end=best.end if best else None,
        matched_words=[word for word in question.words if word in matched],
        missing_words=[word for word in question.words if word not in matched],
        unknown_words=[word for word in question.all if word not in question.containing],
    )


def _place(ranked: Sequence[ScoredPassage], document_id: int) -> tuple[int | None, ScoredPassage | None]:
    """Its rank among the documents, and its best passage."""
    for rank, passage in enumerate(words.shown_of(ranked, per_document=1), 1):
        if passage.document_id == document_id:
            return rank, passage
    return None, None


def _best(
    account_id: int, searched: Sequence[SearchedIndex], document_id: int, question: Question
) -> ScoredPassage | None:
    own = StoredPassage.objects.for_account(account_id).filter(
        document=document_id, index__in=[index.id for index in searched]
    )
    keys = list(own.order_by("position").values_list("pk", flat=True)[:PASSAGES_COMPARED])
    passages = words.load(account_id=account_id, passage_ids=keys).values()
    return max(map(question.score, passages), key=lambda passage: passage.score, default=None)
