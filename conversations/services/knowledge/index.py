"""The passages of documents, and how many of them have each word. Each function belongs into its caller's transaction.

What a generation of a base has is counted in its PassageIndex and its TermCounts, in the transaction that changes its
passages: so a search ranks by exact numbers. The row of the index is locked first of these, and the rows of words in
their order, so writers of one base wait for each other and never in a circle. Passages are inserted before: that takes
the longest, and nobody waits for it.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import psycopg
from django.db import connection
from django.db.models import QuerySet

from conversations.knowledge import lexemes, passages, terms
from conversations.models import PassageIndex, PassageVector, StoredPassage, TermCount
from conversations.stores import rows, statements
from conversations.values.context.sources import Passage

# How passages and words are made. A base that was indexed by an earlier one can be re-indexed.
VERSION = 1
# So many in a row, half a minute, and a generation serves without its vectors.
VECTORS_FAILURES = 3
# What a batch of `drop_generation` deletes: about half a second.
PASSAGES_DROPPED = 1_000
WORDS_DROPPED = 20_000
# In one statement.
PASSAGES_INSERTED = 200
WORDS_COUNTED = 10_000

_OPEN = """
WITH made AS (
  INSERT INTO conversations_passageindex (account_id, base_id, generation)
  VALUES (%(account)s, %(base)s, %(generation)s)
  ON CONFLICT (base_id, generation, account_id) DO NOTHING RETURNING id
)
SELECT id FROM made UNION ALL
SELECT id FROM conversations_passageindex
WHERE account_id = %(account)s AND base_id = %(base)s AND generation = %(generation)s
"""
_INSERT = """
INSERT INTO conversations_storedpassage
  (account_id, index_id, document_id, position, text, start, "end", page, words, lexemes)
VALUES (%(account)s, %(index)s, %(document)s, %(position)s, %(text)s, %(start)s, %(end)s, %(page)s, %(words)s,
        array_to_tsvector(%(lexemes)s::text[]))
"""
# Vectors that are made meanwhile may have passed these passages by: their keys are older than this transaction's end.
_COUNT = """
UPDATE conversations_passageindex i
SET passages = i.passages + n.passages, words = i.words + n.words, last_passage = greatest(i.last_passage, n.last),
    vectors_to = least(i.vectors_to, n.first - 1),
    vectors_at = CASE
      WHEN (CASE b.generation WHEN i.generation THEN b.embedding ELSE b.next_embedding END) <> ''
      THEN coalesce(i.vectors_at, now()) END
FROM conversations_knowledgebase b, (
  SELECT count(*) AS passages, coalesce(sum(words), 0) AS words, max(id) AS last, min(id) AS first
  FROM conversations_storedpassage
  WHERE account_id = %(account)s AND index_id = %(index)s AND document_id = %(document)s
) n
WHERE i.account_id = %(account)s AND i.id = %(index)s AND b.account_id = i.account_id AND b.id = i.base_id
"""
_COUNT_WORDS = """
INSERT INTO conversations_termcount (account_id, index_id, term, passages)
SELECT %(account)s, %(index)s, term, passages FROM unnest(%(words)s::text[], %(numbers)s::int[]) AS n (term, passages)
ORDER BY term COLLATE "C"
ON CONFLICT (index_id, term, account_id)
DO UPDATE SET passages = conversations_termcount.passages + excluded.passages
"""
_LOCK = "SELECT FROM conversations_passageindex WHERE account_id = %(account)s AND id = %(index)s FOR UPDATE"
_DELETE = """
WITH gone AS (
  DELETE FROM conversations_storedpassage WHERE account_id = %(account)s AND id = ANY(%(passages)s)
  RETURNING id, words, lexemes
), without_vectors AS (
  DELETE FROM conversations_passagevector v USING gone WHERE v.account_id = %(account)s AND v.passage_id = gone.id
  RETURNING v.numbers IS NULL AS is_refused
), less AS MATERIALIZED (
  SELECT substr(lexeme, %(begin)s) AS term, count(*) AS passages FROM gone, unnest(tsvector_to_array(lexemes)) lexeme
  GROUP BY 1
), fewer AS (
  UPDATE conversations_termcount t SET passages = t.passages - less.passages FROM less
  WHERE t.account_id = %(account)s AND t.index_id = %(index)s AND t.term = less.term AND t.passages > less.passages
), none AS (
  DELETE FROM conversations_termcount t USING less
  WHERE t.account_id = %(account)s AND t.index_id = %(index)s AND t.term = less.term AND t.passages <= less.passages
)
UPDATE conversations_passageindex i
SET passages = i.passages - (SELECT count(*) FROM gone),
    words = i.words - (SELECT coalesce(sum(words), 0) FROM gone),
    vectors = i.vectors - (SELECT count(*) FROM without_vectors WHERE NOT is_refused),
    refused = i.refused - (SELECT count(*) FROM without_vectors WHERE is_refused)
WHERE i.account_id = %(account)s AND i.id = %(index)s
"""


def add(
    *, account_id: int, base_id: int, generation: int, document_id: int, text: str, page_starts: Sequence[int]
) -> int:
    """How many passages the document has in this generation now. What it had there before is replaced."""
    key = statements.fetch_one(_OPEN, {"account": account_id, "base": base_id, "generation": generation})["id"]
    of_document = StoredPassage.objects.for_account(account_id).filter(document=document_id, index=key)
    earlier = list(of_document.order_by("pk").values_list("pk", flat=True))
    made = passages.split(text, page_starts)
    containing: Counter[str] = Counter()
    new = _rows(made, {"account": account_id, "index": key, "document": document_id}, containing)
    if earlier:
        _remove(account_id=account_id, index_id=key, passage_ids=earlier)
    while batch := list(islice(new, PASSAGES_INSERTED)):
        _execute_many(_INSERT, batch)
    if made:
        about = {"account": account_id, "index": key, "document": document_id}
        statements.fetch_one_or_none(_LOCK, about)
        _count_words(about, containing)
        statements.execute(_COUNT, about)
    return len(made)


def remove(*, account_id: int, document_ids: Collection[int]) -> None:
    """In every generation."""
    found: dict[int, list[int]] = {}
    own = StoredPassage.objects.for_account(account_id).filter(document__in=document_ids)
    for index_id, passage_id in own.order_by("index", "pk").values_list("index", "pk"):
        found.setdefault(index_id, []).append(passage_id)
    for index_id, passage_ids in found.items():
        _remove(account_id=account_id, index_id=index_id, passage_ids=passage_ids)


def drop_generation(*, account_id: int, base_id: int, generation: int) -> int:
    """Deletes a batch of what a generation has that no search reads any more: how many rows. 0: none were left."""
    return _drop(PassageIndex.objects.for_account(account_id).filter(base=base_id, generation=generation))


def drop_all(*, account_id: int, base_id: int) -> int:
    """As `drop_generation`, of a base that has no document any more: words that an earlier dropping has left, too."""
    return _drop(PassageIndex.objects.for_account(account_id).filter(base=base_id))


def _drop(indexes: QuerySet[PassageIndex]) -> int:
    found = indexes.order_by("pk").values_list("account", "pk").first()
    if found is None:
        return 0
    account_id, index = found
    passages_left = StoredPassage.objects.for_account(account_id).filter(index=index)
    keys = list(passages_left.order_by("pk").values_list("pk", flat=True)[:PASSAGES_DROPPED])
    if keys:
        PassageVector.objects.for_account(account_id).filter(passage__in=keys).delete()
        return rows.delete(StoredPassage, keys)
    return _drop_words(account_id, index)


def is_getting_vectors(*, account_id: int, base_id: int, generation: int) -> bool:
    """Whether some are missing that will soon be there: its model has not failed again and again."""
    own = PassageIndex.objects.for_account(account_id).filter(base=base_id, generation=generation)
    return own.filter(vectors_at__isnull=False, vectors_failures__lt=VECTORS_FAILURES).exists()


def left(*, account_id: int, document_ids: Collection[int]) -> Mapping[str, int]:
    """How many rows there still are of these documents, by table, in every generation."""
    own = StoredPassage.objects.for_account(account_id).filter(document__in=document_ids)
    vectors = PassageVector.objects.for_account(account_id).filter(passage__document__in=document_ids)
    return {"storedpassage": own.count(), "passagevector": vectors.count()}


def _rows(made: Sequence[Passage], about: Mapping[str, Any], containing: Counter[str]) -> Iterator[dict[str, Any]]:
    """The passages as rows. Adds to `containing` how many have each word."""
    for position, passage in enumerate(made):
        found = terms.counts(passage.text)
        length = found.total()
        found.update(terms.single_characters(passage.text) - found.keys())
        containing.update(found.keys())
        yield {
            **about,
            "position": position,
            "text": passage.text,
            "start": passage.start,
            "end": passage.end,
            "page": passage.page,
            "words": length,
            "lexemes": lexemes.of(about["index"], found),
        }


def _execute_many(sql: str, parameters: Sequence[Mapping[str, Any]]) -> None:
    """In one round trip."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.executemany(sql, parameters)


def _count_words(about: Mapping[str, Any], containing: Mapping[str, int]) -> None:
    """A batch after the other, in the same order as every writer."""
    words = sorted(containing)
    for begin in range(0, len(words), WORDS_COUNTED):
        batch = words[begin : begin + WORDS_COUNTED]
        statements.execute(_COUNT_WORDS, {**about, "words": batch, "numbers": [containing[word] for word in batch]})


def _remove(*, account_id: int, index_id: int, passage_ids: Sequence[int]) -> None:
    about = {"account": account_id, "index": index_id}
    statements.fetch_one_or_none(_LOCK, about)
    begin = len(lexemes.prefix(index_id)) + 1
    statements.execute(_DELETE, {**about, "passages": list(passage_ids), "begin": begin})


def _drop_words(account_id: int, index_id: int) -> int:
    """Of an index without passages, and in the end its row."""
    of_index = TermCount.objects.for_account(account_id).filter(index=index_id)
    words = list(of_index.values_list("term", flat=True)[:WORDS_DROPPED])
    if words:
        return of_index.filter(term__in=words).delete()[0]
    return PassageIndex.objects.for_account(account_id).filter(pk=index_id).delete()[0]
