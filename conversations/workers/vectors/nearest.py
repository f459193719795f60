"""Finds the passages whose vectors are nearest to a question's, by comparing all of an index: never an estimate.

With pgvector the database compares them. Anywhere else this process does (`kept_vectors`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from conversations.embeddings import Vector
from conversations.knowledge import nearness
from conversations.models import PassageIndex
from conversations.stores import statements
from conversations.workers.vectors import kept_vectors

_TYPE = """
SELECT atttypid::regtype::text AS type FROM pg_attribute
WHERE attrelid = 'conversations_passagevector'::regclass AND attname = 'numbers'
"""
# The vectors of an index have one length: those of another would be an error. Of all others some similarities.
_BY_DATABASE = """
WITH scored AS MATERIALIZED (
  SELECT passage_id, -(numbers <#> %(vector)s::vector) AS similarity FROM conversations_passagevector
  WHERE account_id = %(account)s AND index_id = ANY(%(indexes)s) AND numbers IS NOT NULL
), best AS (
  SELECT passage_id, similarity FROM scored ORDER BY similarity DESC LIMIT %(most)s
)
SELECT (SELECT array_agg(passage_id ORDER BY similarity DESC) FROM best) AS passages,
  (SELECT array_agg(similarity ORDER BY similarity DESC) FROM best) AS similarities,
  (SELECT array_agg(similarity) FROM scored WHERE passage_id %% %(step)s = 0) AS sampled
"""
# So many similarities, or twice as many, say how far apart those of all passages lie.
SAMPLED = 1_000


@cache
def has_pgvector() -> bool:
    """What migration 0039 found, which stays so for as long as this process lives."""
    return str(statements.fetch_one(_TYPE, {})["type"]).endswith("vector")


@dataclass(frozen=True, slots=True)
class Found:
    """Keys of passages, the nearest first, and how near each is. `failure`: why vectors were not compared.

    `is_no_match`: there are none, because the nearest is not nearer to the question than chance.
    """

    passage_ids: Sequence[int] = ()
    shares: Sequence[float] = ()
    is_no_match: bool = False
    failure: str = ""


@dataclass(frozen=True, slots=True)
class _Nearest:
    """`similarities`: of these, in their order. `sampled`: of some of all passages."""

    passage_ids: Sequence[int]
    similarities: Sequence[float]
    sampled: Sequence[float]


def find(*, account_id: int, index_ids: Sequence[int], vector: Vector, most: int, chance: float | None = None) -> Found:
    """None of them when even the first may be near by `chance` (`EmbeddingModel`)."""
    indexes = list(PassageIndex.objects.for_account(account_id).filter(pk__in=index_ids, vectors__gt=0))
    comparable = [index for index in indexes if index.dimensions == vector.dimensions]
    failure = "" if len(comparable) == len(indexes) else "other_dimensions"
    if not has_pgvector():
        readable = [index for index in comparable if kept_vectors.is_readable(index)]
        failure = failure if len(readable) == len(comparable) else "too_many"
        comparable = readable
    if not comparable:
        return Found(failure=failure)
    passages = sum(index.vectors for index in comparable)
    step = max(1, passages // SAMPLED)
    if has_pgvector():
        nearest = _by_database(account_id, comparable, vector, most=most, step=step)
    else:
        nearest = _by_this_process(comparable, vector, most=most, step=step)
    if chance is not None and not nearness.is_near(
        max(nearest.similarities, default=0.0), nearest.sampled, passages=passages, chance=chance
    ):
        return Found(is_no_match=not failure, failure=failure)
    return Found(nearest.passage_ids, nearness.shares(nearest.similarities, nearest.sampled), failure=failure)


def _by_database(account_id: int, indexes: Sequence[PassageIndex], vector: Vector, *, most: int, step: int) -> _Nearest:
    about = {"account": account_id, "indexes": [index.pk for index in indexes], "vector": vector.text}
    row = statements.fetch_one(_BY_DATABASE, {**about, "most": most, "step": step})
    return _Nearest(row["passages"] or (), row["similarities"] or (), row["sampled"] or ())


def _by_this_process(indexes: Sequence[PassageIndex], vector: Vector, *, most: int, step: int) -> _Nearest:
    scored: list[tuple[float, int]] = []
    sampled: list[float] = []
    for index in indexes:
        best, some = kept_vectors.of(index).nearest(vector, most=most, step=step)
        scored += best
        sampled += some
    best_of_all = sorted(scored, reverse=True)[:most]
    return _Nearest([key for _, key in best_of_all], [similarity for similarity, _ in best_of_all], sampled)
