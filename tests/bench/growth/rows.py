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
_DELETING = """
SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query ILIKE 'DELETE FROM %%conversations_message%%'
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
    """Its id and the trace id of its run."""
    row = _one(
        connection,
        "SELECT t.public_id, r.trace_id FROM conversations_task t JOIN conversations_run r ON r.id = t.run_id "
        "WHERE t.account_id = %s ORDER BY t.id LIMIT 1",
        account,
    )
    return str(row[0]), str(row[1])


def is_deleting(connection: Connection) -> bool:
    """Whether somebody deletes messages at this moment."""
    return bool(_one(connection, _DELETING)[0])


def messages_of(connection: Connection, conversation: int) -> int:
    return int(
        _one(connection, "SELECT count(*) FROM conversations_message WHERE conversation_id = %s", conversation)[0]
    )


def _one(connection: Connection, sql: str, *parameters: Any) -> tuple[Any, ...]:
    row = connection.execute(sql, parameters).fetchone()
    if row is None:
        raise LookupError(sql)
    return row
