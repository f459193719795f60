"""How many passages of a base or of a document have a vector, and why others have none, for their owner."""

from conversations.knowledge.vector_counts import VectorCounts
from conversations.models import Document, KnowledgeBase, PassageIndex
from conversations.stores import statements

# Of the generation that searches read.
_OF_DOCUMENT = """
SELECT count(*) AS passages, count(v.numbers) AS made, count(*) FILTER (WHERE v.refusal <> '') AS refused,
  coalesce(max(v.refusal), '') AS refusal, coalesce(max(i.vectors_error), '') AS error
FROM conversations_passageindex i
JOIN conversations_storedpassage p ON p.account_id = i.account_id AND p.index_id = i.id
LEFT JOIN conversations_passagevector v ON v.account_id = p.account_id AND v.passage_id = p.id
WHERE i.account_id = %(account)s AND i.base_id = %(base)s AND i.generation = %(generation)s
  AND p.document_id = %(document)s
"""


def of_base(base: KnowledgeBase) -> VectorCounts | None:
    """None for one that is searched by words alone."""
    if not base.embedding:
        return None
    index = PassageIndex.objects.for_account(base.account_id).filter(base=base.pk, generation=base.generation).first()
    if index is None:
        return VectorCounts(0, 0, 0, "")
    return VectorCounts(index.passages, index.vectors, index.refused, index.vectors_error)


def of_document(document: Document) -> VectorCounts | None:
    """As `of_base`. Its base must be loaded."""
    base = document.base
    if not base.embedding:
        return None
    about = {
        "account": document.account_id,
        "base": base.pk,
        "generation": base.generation,
        "document": document.pk,
    }
    row = statements.fetch_one(_OF_DOCUMENT, about)
    is_whole = row["made"] + row["refused"] == row["passages"]
    error = row["refusal"] or ("" if is_whole else row["error"])
    return VectorCounts(row["passages"], row["made"], row["refused"], error)
