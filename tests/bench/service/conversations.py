"""Conversations of any length, written directly into the service's database: asking turns would take too long."""

import uuid

import orjson
import psycopg

from providers import serialization, tokens
from providers.messages import Message, Role, TextPart
from tests.bench.load.script import FILLER

# Like the rows of START_STORED and FINISH, but with one finished run for each conversation.
_INSERT = """
WITH account AS (
  SELECT id FROM conversations_account ORDER BY id LIMIT 1
), made AS (
  INSERT INTO conversations_conversation (account_id, public_id, model)
  SELECT account.id, public_id, 'gpt-4o-mini' FROM account, unnest(%(public_ids)s::text[]) AS public_id
  RETURNING id, account_id, public_id
), run AS (
  INSERT INTO conversations_run (account_id, conversation_id, public_id, channel, trace_id, dialect, model,
                                 context_window, finished_at)
  SELECT account_id, id, 'run_' || public_id, 'bench', public_id::uuid, 'aichat', 'gpt-4o-mini', 128000, now()
  FROM made RETURNING id, conversation_id, account_id
), numbered AS MATERIALIZED (
  SELECT nextval('conversations_message_id_seq') AS id, run.id AS run_id, conversation_id, account_id, n
  FROM run, generate_series(1, %(length)s) AS n
)
INSERT INTO conversations_message (id, account_id, conversation_id, run_id, public_id, parent_id, role, parts, tokens)
SELECT id, account_id, conversation_id, run_id, 'msg_bench' || id,
       lag(id) OVER (PARTITION BY conversation_id ORDER BY n),
       CASE n %% 2 WHEN 1 THEN 'user' ELSE 'assistant' END, %(parts)s, %(tokens)s
FROM numbered
"""
_SET_HEADS = """
UPDATE conversations_conversation c SET head_id = newest.id
FROM (SELECT conversation_id, max(id) AS id FROM conversations_message GROUP BY conversation_id) AS newest
WHERE newest.conversation_id = c.id AND c.public_id = ANY(%s)
"""


def make(connection: "psycopg.Connection[tuple[int, ...]]", *, number: int, length: int) -> tuple[str, ...]:
    """Make `number` conversations with `length` messages each and vacuum the tables; returns their ids."""
    message = Message(Role.USER, (TextPart(FILLER),))
    public_ids = [str(uuid.uuid4()) for _ in range(number)]
    with connection.transaction():
        connection.execute(
            _INSERT,
            {
                "public_ids": public_ids,
                "length": length,
                "parts": orjson.dumps(serialization.dump_parts(message.parts)).decode(),
                "tokens": tokens.estimate_message(message),
            },
        )
        connection.execute(_SET_HEADS, [public_ids])
    connection.execute("VACUUM ANALYZE conversations_message, conversations_conversation, conversations_run")
    connection.execute("CHECKPOINT")
    return tuple(public_ids)
