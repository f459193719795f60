"""How some conversations begin and end, for lists: nothing of it is written by the turns themselves.

What is read is bounded, whatever they hold: the beginnings of texts are cut inside the database, and of many long
messages only the first ones are looked into. Their stored sizes are known without reading them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from conversations.rules.conversations import titles

# Stored bytes of the messages of a page that are looked into; and characters that are taken out of one.
BYTES_MAX = 4 * 1024 * 1024
CHARS = 500
# The first question is among the first messages: before it may be what the caller said as the system or assistant.
FIRST_MESSAGES = 5
# As many messages are counted of one conversation.
COUNTED_MAX = 100

ENDS = """
SELECT c.id, question.id, coalesce(question.size, 0), head.id, coalesce(pg_column_size(head.parts), 0),
       (SELECT count(*) FROM (SELECT FROM conversations_message m WHERE m.conversation_id = c.id
                              LIMIT %(counted_max)s) AS counted)
FROM unnest(%(ids)s::bigint[]) AS given(id)
JOIN conversations_conversation c ON c.id = given.id
LEFT JOIN LATERAL (
  SELECT first.id, first.size FROM (
    SELECT m.id, m.role, pg_column_size(m.parts) AS size FROM conversations_message m
    WHERE m.conversation_id = c.id ORDER BY m.conversation_id, m.id LIMIT %(first_messages)s
  ) AS first
  WHERE first.role = 'user' ORDER BY first.id LIMIT 1
) AS question ON true
LEFT JOIN conversations_message head ON head.conversation_id = c.id AND head.id = c.head_id
"""
# The one place beside `providers/serialization.py` that takes parts apart (docs/parts.md): an answer may be 20 MB, of
# which a list shows a line.
TEXTS = """
SELECT m.id, left(string_agg(left(part.value ->> 'text', %(chars)s), ' ' ORDER BY part.ordinality), %(chars)s)
FROM conversations_message m, jsonb_array_elements(m.parts) WITH ORDINALITY AS part
WHERE m.id = ANY(%(ids)s::bigint[]) AND m.parts_version = 1 AND part.value ->> 'type' IN ('text', 'refusal')
GROUP BY m.id
"""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """`title` and `preview` are "" where there are no words, or too many on the page. `count`: up to COUNTED_MAX."""

    title: str = ""
    preview: str = ""
    count: int = 0


def of(conversations: Sequence[int]) -> Mapping[int, Excerpt]:
    """By the keys of the conversations."""
    ends = _rows(ENDS, ids=list(conversations), counted_max=COUNTED_MAX, first_messages=FIRST_MESSAGES)
    sizes = {key: size for _, *pairs, _ in ends for key, size in (pairs[:2], pairs[2:]) if key is not None}
    texts = dict(_rows(TEXTS, ids=_fitting(sizes), chars=CHARS)) if sizes else {}
    return {
        key: Excerpt(titles.title(texts.get(question) or ""), titles.preview(texts.get(head) or ""), count)
        for key, question, _, head, _, count in ends
    }


def _fitting(sizes: Mapping[int, int]) -> list[int]:
    """The small ones first: a long message takes the words of no other."""
    left, fitting = BYTES_MAX, []
    for key in sorted(sizes, key=sizes.__getitem__):
        left -= sizes[key]
        if left < 0:
            break
        fitting.append(key)
    return fitting


def _rows(statement: str, **parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[Any] = cursor.fetchall()
        return found
