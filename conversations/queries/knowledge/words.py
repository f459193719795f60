"""Ranks the passages of some indexes by the words of a question.

The rarest words say which passages are compared: all that have one of them, up to a bound. A passage without them can
have no more than the common words are worth, which is known; only where that could be enough are passages looked up
that have several of the common words.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress, islice
from math import inf
from typing import Any

from conversations.knowledge import lexemes, ranking, terms
from conversations.queries.knowledge.indexes import SearchedIndex
from conversations.stores import statements

# So many passages are read and compared for the rare words, and as many again for the common ones: 35 µs each.
COMPARED = 300
# How many words of a question are looked up, and how many of them, the rarest, then count. A question has fewer; more
# has only a text that was pasted.
LOOKED_UP = 512
COUNTED = 64
# Of the common words, the rarest: passages must have all of them, then all but the last, and so on.
COMMON = 4
COMMON_OFTEN = 2
# With so many of them no further ones are looked up.
ENOUGH = 50

_CONTAINING = """
SELECT term, sum(passages)::bigint AS passages FROM conversations_termcount
WHERE account_id = %(account)s AND index_id = ANY(%(indexes)s) AND term = ANY(%(words)s)
GROUP BY term
"""
# The account is compared behind the look-up by lexemes: as a condition beside it, PostgreSQL might read all passages of
# the account instead. The query is given as a sub-select, whose value the planner does not know: where it takes the
# words for common ones it would read the table from its beginning until it has enough, which may be all of it.
_MATCHING = """
WITH found AS MATERIALIZED (
  SELECT * FROM conversations_storedpassage WHERE lexemes @@ (SELECT %(query)s::tsquery) LIMIT %(most)s
)
SELECT id, index_id, document_id, position, text, start, "end", page, words FROM found WHERE account_id = %(account)s
"""
_BY_ID = """
SELECT id, index_id, document_id, position, text, start, "end", page, words FROM conversations_storedpassage
WHERE account_id = %(account)s AND id = ANY(%(passages)s)
"""

# Held for some 10 ms of computing. More threads at once would end no sooner, and each keeps the event loop waiting for
# the interpreter: the turns of others were late.
_scoring = threading.Lock()


@dataclass(frozen=True, slots=True)
class ScoredPassage:
    """A passage as a search found it. `words`: how many it has. `matched`: which words of the question, folded."""

    id: int
    index_id: int
    document_id: int
    position: int
    text: str
    start: int
    end: int
    page: int | None
    words: int
    score: float = 0.0
    matched: tuple[str, ...] = ()

    def scored(self, score: float) -> "ScoredPassage":
        return replace(self, score=score)


@dataclass(frozen=True, slots=True)
class Ranked:
    """The best first. `is_exact`: no passage that was not compared can be among the first ones that were wanted.

    `is_cut`: more passages than may be compared have as many words of the question as the best.
    """

    passages: list[ScoredPassage]
    question: "Question"
    is_exact: bool
    is_cut: bool


class Question:
    """The words of a question that the indexes have, the rarest first, and what each is worth."""

    def __init__(self, query: str, *, account_id: int, searched: Sequence[SearchedIndex]) -> None:
        self.index_ids = [index.id for index in searched]
        self.passages = sum(index.passages for index in searched)
        self._average = sum(index.words for index in searched) / max(1, self.passages)
        asked = terms.asked(query)
        self.all = [word for word, _ in asked.most_common(LOOKED_UP)]
        self.containing = _containing(account_id, self.index_ids, self.all)
        known = sorted(self.containing, key=self.containing.__getitem__)
        self.words = known[:COUNTED]
        self.rarities = [
            ranking.rarity(containing=self.containing[word], passages=self.passages) for word in self.words
        ]

    @cached_property
    def _occurrences(self) -> terms.Occurrences:
        return terms.Occurrences(self.words)

    def score(self, passage: ScoredPassage) -> ScoredPassage:
        score, matched = self._scored(passage.text, passage.words)
        return replace(passage, score=score, matched=matched)

    def scored(self, row: Mapping[str, Any]) -> ScoredPassage:
        """A row of a passage, with its score."""
        score, matched = self._scored(row["text"], row["words"])
        return ScoredPassage(**row, score=score, matched=matched)

    def _scored(self, text: str, length: int) -> tuple[float, tuple[str, ...]]:
        found = self._occurrences.of(text)
        score = ranking.score(found, self.rarities, length=length, average=self._average)
        return score, tuple(compress(self.words, found))

    def share_of(self, words: Iterable[str]) -> float:
        """What these words are worth of all words of the question, also of those that no passage has: from 0 to 1."""
        worth = dict(zip(self.words, self.rarities, strict=True))
        return sum(worth[word] for word in words) / self._whole

    def share_of_score(self, score: float) -> float:
        """How much of the highest score that any passage could have: from 0 to 1."""
        return score / (self._whole * (ranking.K1 + 1))

    @cached_property
    def _whole(self) -> float:
        unknown = ranking.rarity(containing=0, passages=self.passages)
        return sum(self.rarities) + unknown * (len(self.all) - len(self.containing)) or 1.0

    def most_of(self, words: Iterable[str]) -> float:
        """More than any passage can get for these words."""
        worth = dict(zip(self.words, self.rarities, strict=True))
        return sum(worth[word] for word in words) * (ranking.K1 + 1)


def rank(*, account_id: int, searched: Sequence[SearchedIndex], query: str, wanted: int, per_document: int) -> Ranked:
    """All passages that were compared. `wanted`: how many of the first must be right, `per_document` of each."""
    question = Question(query, account_id=account_id, searched=searched)
    compared = _Compared(question, account_id=account_id)
    rare = _rare(question)
    common = question.words[len(rare) :]
    if rare:
        compared.add(lexemes.any_of(question.index_ids, rare), most=COMPARED)
    threshold = _threshold(compared.passages.values(), wanted=wanted, per_document=per_document)
    is_exact = not common or question.most_of(common) <= threshold
    is_cut = not is_exact and _add_common(compared, question, common)
    ranked = sorted(compared.passages.values(), key=lambda passage: (-passage.score, passage.id))
    return Ranked(ranked, question, is_exact=is_exact, is_cut=is_cut)


def load(*, account_id: int, passage_ids: Sequence[int]) -> dict[int, ScoredPassage]:
    """Those of the passages that there are, without scores."""
    if not passage_ids:
        return {}
    rows = statements.fetch_all(_BY_ID, {"account": account_id, "passages": list(passage_ids)})
    return {row["id"]: ScoredPassage(**row) for row in rows}


def shown_of(ranked: Iterable[ScoredPassage], *, per_document: int) -> Iterator[ScoredPassage]:
    """Those that a search shows, in their order: no more of a document than the first `per_document`."""
    taken: Counter[int] = Counter()
    for passage in ranked:
        if taken[passage.document_id] < per_document:
            taken[passage.document_id] += 1
            yield passage


def _containing(account_id: int, index_ids: Sequence[int], words: Sequence[str]) -> Mapping[str, int]:
    if not index_ids or not words:
        return {}
    rows = statements.fetch_all(_CONTAINING, {"account": account_id, "indexes": list(index_ids), "words": list(words)})
    return {row["term"]: int(row["passages"]) for row in rows}


def _rare(question: Question) -> list[str]:
    """As many of the rarest words as have no more passages together than may be compared."""
    left = COMPARED
    for place, word in enumerate(question.words):
        left -= question.containing[word]
        if left < 0:
            return question.words[:place]
    return question.words


class _Compared:
    """The passages that were compared so far, by their keys."""

    def __init__(self, question: Question, *, account_id: int) -> None:
        self.passages: dict[int, ScoredPassage] = {}
        self._question = question
        self._account_id = account_id

    def add(self, query: str, *, most: int) -> int:
        """Compares what the tsquery finds; how many passages that were."""
        rows = statements.fetch_all(_MATCHING, {"account": self._account_id, "query": query, "most": most})
        with _scoring:
            for row in rows:
                if row["id"] not in self.passages:
                    self.passages[row["id"]] = self._question.scored(row)
        return len(rows)


def _add_common(compared: _Compared, question: Question, common: Sequence[str]) -> bool:
    """Passages with all of the rarest common words, then with all but one, and so on until there are some.

    Those that have one often come before those that have it at all. Whether there were more than could be compared.
    """
    most, ids = COMPARED, question.index_ids
    steps = [lexemes.all_of(ids, common[:number]) for number in range(min(COMMON, len(common)), 1, -1)]
    steps += [lexemes.any_of(ids, map(lexemes.often, common[:COMMON_OFTEN])), lexemes.any_of(ids, common[:1])]
    for query in steps:
        most -= compared.add(query, most=most)
        if COMPARED - most >= ENOUGH:
            break
    return most <= 0


def _threshold(passages: Iterable[ScoredPassage], *, wanted: int, per_document: int) -> float:
    """The score of the last passage that would be shown; below every score when there are fewer."""
    shown = shown_of(sorted(passages, key=lambda passage: -passage.score), per_document=per_document)
    last = next(islice(shown, wanted - 1, None), None)
    return -inf if last is None else last.score
