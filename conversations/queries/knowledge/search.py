"""Searches in knowledge bases: by the words of a question, and where a base has vectors also by what it means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from conversations.knowledge import merging
from conversations.models import Document
from conversations.queries.knowledge import indexes, meanings, words
from conversations.queries.knowledge.indexes import SearchedIndex
from conversations.queries.knowledge.meanings import MayAsk, Nearest, VectorUsed
from conversations.queries.knowledge.words import ScoredPassage

# Of each list, before they are merged: a passage that both have far behind is not the answer.
MERGED = 100
# Of what all words of a question are worth, where vectors say that the base has nothing on it. An identifier alone is
# all of its question. With 0.5 the right paragraph of a Chinese question is lost 1 % more often.
LEAST_SHARE = 0.3
# A question is words, not a document. What is beyond is not read, and the notes say so.
QUESTION_MAX_CHARS = 4_000


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found. `base` and `document` are public ids, `url` is "" for what has no address.

    `score`: of the words (BM25); where vectors were merged, from 0 to 1 (`knowledge/merging.py`).
    """

    base: str
    document: str
    name: str
    url: str
    position: int
    text: str
    start: int
    end: int
    page: int | None
    score: float


@dataclass(frozen=True, slots=True)
class Found:
    """The best first. `notes`: what was left out, and why, by the step's name, such as `{"vectors": "late"}`."""

    hits: tuple[Hit, ...]
    notes: Mapping[str, str] = field(default_factory=dict)
    used: tuple[VectorUsed, ...] = ()


def search(
    *,
    account_id: int,
    bases: Sequence[str],
    query: str,
    limit: int,
    per_document: int = 1,
    may_ask: MayAsk | None = None,
) -> Found:
    """The passages that fit the question best, at most `per_document` of a document. `bases` are public ids.

    `may_ask`: of an account that pays for the vectors of questions; what was used for them, the caller charges. Raises
    NotFound that names a base which the account does not have.
    """
    searched = indexes.of_bases(account_id=account_id, bases=bases)
    ranking = rank(
        account_id=account_id,
        searched=searched,
        query=query,
        limit=limit,
        per_document=per_document,
        may_ask=may_ask,
    )
    return found(account_id, searched, ranking, limit=limit, per_document=per_document)


def found(
    account_id: int, searched: Sequence[SearchedIndex], ranking: "Ranking", *, limit: int, per_document: int
) -> Found:
    """What is shown of a ranking."""
    chosen = list(islice(words.shown_of(ranking.passages, per_document=per_document), limit))
    return Found(_hits(account_id, searched, chosen), ranking.notes, ranking.used)


@dataclass(frozen=True, slots=True)
class Ranking:
    """All passages that were compared, the best first. `words` says what is known of the words of the question."""

    passages: Sequence[ScoredPassage]
    words: words.Ranked
    notes: Mapping[str, str]
    used: tuple[VectorUsed, ...] = ()


def rank(
    *,
    account_id: int,
    searched: Sequence[SearchedIndex],
    query: str,
    limit: int,
    per_document: int,
    may_ask: MayAsk | None = None,
) -> Ranking:
    notes: dict[str, str] = {}
    if len(query) > QUESTION_MAX_CHARS:
        query = query[:QUESTION_MAX_CHARS]
        notes["query"] = f"only its first {QUESTION_MAX_CHARS} characters were used"
    # Asked before the words are looked up: the worker makes the vector meanwhile.
    asked = meanings.ask(account_id=account_id, searched=searched, query=query, most=MERGED, may_ask=may_ask)
    ranked = words.rank(account_id=account_id, searched=searched, query=query, wanted=limit, per_document=per_document)
    if ranked.is_cut:
        notes["words"] = "too many passages have them: not all were compared"
    nearest = asked.answer() if asked else Nearest()
    notes.update(nearest.notes)
    by_words = [passage for passage in ranked.passages if _says_something(passage, ranked.question, nearest)]
    merged = _merged(account_id, by_words, ranked.question, nearest.shares) if nearest.shares else by_words
    return Ranking(merged, ranked, notes, nearest.used)


def _says_something(passage: ScoredPassage, question: words.Question, nearest: Nearest) -> bool:
    """Where vectors say that nothing means what the question does, a passage needs more than a few common words."""
    return passage.index_id not in nearest.unrelated or question.share_of(passage.matched) >= LEAST_SHARE


def _merged(
    account_id: int, by_words: Sequence[ScoredPassage], question: words.Question, near: Mapping[int, float]
) -> list[ScoredPassage]:
    known = {passage.id: passage for passage in by_words[:MERGED]}
    worded = {key: question.share_of_score(passage.score) for key, passage in known.items()}
    known.update(words.load(account_id=account_id, passage_ids=sorted(near.keys() - known.keys())))
    # One that was deleted since its vector was compared is not there any more.
    return [known[passage_id].scored(score) for passage_id, score in merging.merge(worded, near) if passage_id in known]


def _hits(account_id: int, searched: Sequence[SearchedIndex], chosen: Sequence[ScoredPassage]) -> tuple[Hit, ...]:
    bases = {index.id: index.base for index in searched}
    own = Document.objects.for_account(account_id).filter(pk__in={passage.document_id for passage in chosen})
    documents = own.only("public_id", "name", "url").in_bulk()
    return tuple(
        Hit(
            base=bases[passage.index_id],
            document=document.public_id,
            name=document.name,
            url=document.url,
            position=passage.position,
            text=passage.text,
            start=passage.start,
            end=passage.end,
            page=passage.page,
            score=passage.score,
        )
        for passage in chosen
        if (document := documents.get(passage.document_id))
    )
