"""The words at places of an account's documents, for what ended runs say of their sources (`queries/sources.py`)."""

from collections.abc import Collection, Iterator, Mapping
from itertools import islice

from conversations.stores import statements

# The id of a document, and its characters from the first up to the last.
Span = tuple[str, int, int]

# Of each document everything between the first and the last place: PostgreSQL walks through a text from its beginning,
# so many places of a long one would take seconds.
_WINDOWS = """
SELECT w.id, w.first, substr(c.text, w.first + 1, w.last - w.first) AS words
FROM unnest(%(ids)s::text[], %(firsts)s::int[], %(lasts)s::int[]) AS w(id, first, last)
"""
_OF_KNOWLEDGE = f"""{_WINDOWS}
JOIN conversations_document d ON d.account_id = %(account)s AND d.public_id = w.id
JOIN conversations_knowledgebase b ON b.account_id = d.account_id AND b.id = d.base_id AND b.deleted_at IS NULL
JOIN conversations_documentcontent c ON c.account_id = d.account_id AND c.document_id = d.id
"""
_OF_CONTENTS = f"""{_WINDOWS}
JOIN conversations_content c ON c.account_id = %(account)s AND c.digest = decode(w.id, 'hex')
"""
# A text may be 16 MB, and a page of tasks names hundreds.
DOCUMENTS_AT_ONCE = 8


def of_knowledge(account_id: int, spans: Collection[Span]) -> Mapping[Span, str]:
    """Of documents of knowledge bases, by their public ids; without those that were deleted."""
    return dict(_words(_OF_KNOWLEDGE, account_id, spans))


def of_contents(account_id: int, spans: Collection[Span]) -> Mapping[Span, str]:
    """Of what was read for turns, by the SHA-256 in hex; without what is not kept any more."""
    return dict(_words(_OF_CONTENTS, account_id, spans))


def _words(statement: str, account_id: int, spans: Collection[Span]) -> Iterator[tuple[Span, str]]:
    by_document: dict[str, list[Span]] = {}
    for span in spans:
        by_document.setdefault(span[0], []).append(span)
    waiting = iter(by_document.items())
    while some := dict(islice(waiting, DOCUMENTS_AT_ONCE)):
        parameters = {
            "account": account_id,
            "ids": list(some),
            "firsts": [min(first for _, first, _ in places) for places in some.values()],
            "lasts": [max(last for _, _, last in places) for places in some.values()],
        }
        for row in statements.fetch_all(statement, parameters):
            for span in some[row["id"]]:
                yield span, row["words"][span[1] - row["first"] : span[2] - row["first"]]
