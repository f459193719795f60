"""The passage indexes that a search reads: of each base the one of its current generation."""

from collections.abc import Sequence
from dataclasses import dataclass

from conversations import errors
from conversations.queries.knowledge.bases import NOT_FOUND
from conversations.stores import statements

_OF_BASES = """
SELECT b.public_id AS base, b.id AS base_id, b.embedding, i.id, i.passages, i.words, i.vectors, i.refused
FROM conversations_knowledgebase b
LEFT JOIN conversations_passageindex i
  ON i.account_id = b.account_id AND i.base_id = b.id AND i.generation = b.generation
WHERE b.account_id = %(account)s AND b.public_id = ANY(%(bases)s) AND b.deleted_at IS NULL
ORDER BY b.id
"""


@dataclass(frozen=True, slots=True)
class SearchedIndex:
    """`base` is the public id. `words`: of all its passages together. `vectors`: how many of them have one.

    `refused`: how many will have none.
    """

    id: int
    base: str
    base_id: int
    embedding: str
    passages: int
    words: int
    vectors: int
    refused: int


def of_bases(*, account_id: int, bases: Sequence[str]) -> list[SearchedIndex]:
    """A base to which nothing was added has none. Raises NotFound that names a base which the account does not have."""
    rows = statements.fetch_all(_OF_BASES, {"account": account_id, "bases": list(bases)})
    known = {row["base"] for row in rows}
    for base in bases:
        if base not in known:
            raise errors.NotFound(f"{NOT_FOUND}: {base[:40]}" if len(bases) > 1 else NOT_FOUND)
    return [SearchedIndex(**row) for row in rows if row["passages"]]
