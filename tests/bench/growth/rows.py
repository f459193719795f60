"""What there is in the database to ask for: looked up beforehand, so that it does not count."""

from dataclasses import dataclass
from typing import Any

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]

_LONGEST = """
SELECT c.id, c.public_id, count(*) FROM conversations_message m JOIN conversations_conversation c
  ON c.id = m.conversation_id
WHERE c.account_id = %s AND c.head_id IS NOT NULL AND c.deleted_at IS NULL
GROUP BY c.id ORDER BY 3 DESC LIMIT 1
"""
# From the head back; the oldest first.
_NEWEST_TEXTS = """
WITH RECURSIVE path AS (
  SELECT m.id, m.parent_id, m.role, m.parts, 1 AS depth FROM conversations_message m
  WHERE m.id = (SELECT head_id FROM conversations_conversation WHERE id = %s)
  UNION ALL
  SELECT m.id, m.parent_id, m.role, m.parts, depth + 1 FROM path JOIN conversations_message m ON m.id = path.parent_id
  WHERE depth < %s
)
SELECT role, parts FROM path ORDER BY depth DESC
"""
_ERASED = """
SELECT count(*) FROM conversations_erasure
WHERE subject = 'conversation' AND subject_key = %s AND finished_at IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Longest:
    pk: int
    public_id: str
    messages: int


def account_id(connection: Connection, name: str) -> int:
    return int(_one(connection, "SELECT id FROM conversations_account WHERE name = %s", name)[0])


def longest(connection: Connection, account: int) -> Longest:
    return Longest(*_one(connection, _LONGEST, account))


def newest_messages(connection: Connection, conversation: int, *, number: int) -> list[dict[str, Any]]:
    """As a caller of /v1 sends them again."""
    rows = connection.execute(_NEWEST_TEXTS, [conversation, number]).fetchall()
    return [
        {"role": role, "content": [{"type": "text", "text": part["text"]} for part in parts]} for role, parts in rows
    ]


def oldest_task(connection: Connection, account: int) -> tuple[str, str]:
    """Its id and its trace id."""
    row = _one(
        connection,
        "SELECT public_id, trace_id FROM conversations_task WHERE account_id = %s ORDER BY id LIMIT 1",
        account,
    )
    return str(row[0]), str(row[1])


def is_deleted(connection: Connection, conversation: int) -> bool:
    """Whether nobody reaches it any more. Its rows may still be there."""
    return bool(
        _one(connection, "SELECT deleted_at IS NOT NULL FROM conversations_conversation WHERE id = %s", conversation)[0]
    )


def is_erased(connection: Connection, conversation: int) -> bool:
    """Whether its rows are gone, too."""
    return bool(_one(connection, _ERASED, conversation)[0])


def _one(connection: Connection, sql: str, *parameters: Any) -> tuple[Any, ...]:
    row = connection.execute(sql, parameters).fetchone()
    if row is None:
        raise LookupError(sql)
    return row
