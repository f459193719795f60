"""The hot path's SQL, written by hand: one statement to accept a turn, one to claim its run, one to finish it.

| statement | called by | locks, in this order | when nothing is written |
|---|---|---|---|
| START_STORED | `accept` | the conversation | one row without an `id`; its other columns say why |
| START_UNSTORED | `accept` | nothing | one row without an `id`; its other columns say why |
| CLAIM | `claim` | the run, unless it is locked: then it is skipped | no row |
| OLDER | `workers/runs/history.py` | nothing | it never writes |
| FINISH | `finish` | the conversation, the run | one row with `is_written` false |

Each is one round trip and one transaction of its own (autocommit). Other raw SQL stands beside the service that needs
it; whatever the ORM can say is left to the ORM.

`(status = …) IS TRUE` where the run's id is given keeps the planner from using a partial index on `status`. It would
read that index from end to end, because it takes it for nearly empty. When many runs wait, or have ended since the
last vacuum, the index is long.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import connection
from psycopg.rows import dict_row

from conversations.stores.deadlines import DeadlineConnection

# Which of the account's runs wait, and what follows for its next turn. The turn is refused when too many wait
# (`is_full`), or when one of the `looked_at` oldest has waited too long although it needs nothing but a worker
# (`is_slow`). It is accepted as held when others of the account are held (`has_held`), so that the wake-ups of one
# account never fill the queue.
# `until`, in seconds of the database's clock, is when the caller is answered that the service is unavailable: a turn is
# not accepted later than that (`is_late`).
# `open` has a row when the turn is not refused.
BACKLOG = """
waiting AS MATERIALIZED (
  SELECT w.queued_at, w.woken_at, w.conversation_id FROM conversations_run w
  WHERE w.account_id = %(account_id)s AND w.claimed_at IS NULL AND w.finished_at IS NULL
  ORDER BY w.created_at, w.id LIMIT %(max_queued)s
), backlog AS MATERIALIZED (
  SELECT (clock_timestamp() > to_timestamp(%(until)s)) IS TRUE AS is_late,
         (SELECT count(*) FROM waiting) >= %(max_queued)s AS is_full,
         (SELECT count(*) FROM waiting) >= %(max_wake_ups)s
           OR EXISTS (SELECT 1 FROM waiting WHERE woken_at IS NULL) AS has_held,
         EXISTS (
           SELECT 1 FROM (SELECT * FROM waiting LIMIT %(looked_at)s) AS oldest
           WHERE oldest.queued_at < statement_timestamp() - %(oldest_wait)s::interval AND NOT EXISTS (
             SELECT 1 FROM conversations_run o
             WHERE o.conversation_id = oldest.conversation_id AND o.status = 'in_progress')
         ) AS is_slow
), open AS (
  SELECT has_held FROM backlog WHERE NOT (is_late OR is_full OR is_slow)
)"""

# Creates or locks the conversation and writes every row of the turn, or writes nothing and returns no `id`: the turn
# was refused (BACKLOG), it needs a report, or the conversation was deleted.
# `needs_report`: the conversation is new and its account has a webhook endpoint. The caller then runs the statement
# again with `is_reported`, in a transaction that also reports. So an account without endpoints pays for one lookup and
# no transaction.
# A preset that names a stored one of the account becomes that one's newest version.
# The run's id is drawn under the conversation's lock, so that the runs of one conversation are accepted in the order
# of their ids. CLAIM goes by that order, and FINISH compares with the latest id to find out whether another run waits.
# A run that waits for its conversation is never held: the end of the run before it wakes it.
# `locked_until` is compared once the conversation's row is locked. `lock_timeout` bounds each wait, but behind others
# that wait for the same row a statement waits twice: for its place, and for the row.
# `xmax = 0` tells a conversation that was inserted from one that was there.
# Must not be longer than psycopg's MAX_CACHED_STATEMENT_LENGTH: psycopg parses a longer statement again every time.
START_STORED = f"""
WITH {BACKLOG}, preset AS (
  SELECT id, text FROM conversations_preset
  WHERE account_id = %(account_id)s AND name = %(preset)s ORDER BY version DESC LIMIT 1
), report AS (
  SELECT NOT %(is_reported)s
    AND EXISTS (SELECT 1 FROM conversations_webhookendpoint WHERE account_id = %(account_id)s)
    AND NOT EXISTS (SELECT 1 FROM conversations_conversation
                    WHERE account_id = %(account_id)s AND public_id = %(conversation_id)s) AS is_due
), conversation AS (
  INSERT INTO conversations_conversation AS c (account_id, public_id, latest_run_id)
  SELECT %(account_id)s::bigint, %(conversation_id)s::varchar, nextval('conversations_run_id_seq')
  FROM open, report WHERE NOT is_due
  ON CONFLICT (account_id, public_id) DO UPDATE SET latest_run_id = nextval('conversations_run_id_seq')
  WHERE c.deleted_at IS NULL AND (clock_timestamp() > to_timestamp(%(locked_until)s)) IS NOT TRUE
  RETURNING c.id, c.latest_run_id AS run_id, c.xmax = 0 AS is_new
), run AS (
  INSERT INTO conversations_run (id, account_id, api_key_id, conversation_id, public_id, channel, trace_id, dialect,
    model, context_window, request, preset_id, preset_text, is_streamed, woken_at)
  SELECT conversation.run_id, %(account_id)s, %(api_key_id)s, conversation.id, %(run_public_id)s, %(channel)s,
         %(trace_id)s, %(dialect)s, %(model)s, %(context_window)s, %(request)s, preset.id,
         COALESCE(preset.text, %(preset)s), %(is_streamed)s,
         CASE WHEN NOT open.has_held OR EXISTS (
           SELECT 1 FROM conversations_run o
           WHERE o.conversation_id = conversation.id AND o.status IN ('queued', 'in_progress')
         ) THEN statement_timestamp() END
  FROM conversation, open LEFT JOIN preset ON true
  RETURNING id, woken_at
), given AS (
  SELECT nextval('conversations_message_id_seq') AS id, m.*
  FROM ROWS FROM (jsonb_to_recordset(%(messages)t)
                  AS (public_id text, role text, name text, parts jsonb, metadata jsonb, tokens int))
       WITH ORDINALITY AS m(public_id, role, name, parts, metadata, tokens, ordinal)
), message AS (
  INSERT INTO conversations_message (id, account_id, conversation_id, run_id, public_id, parent_id, role, name, parts,
    provider_metadata, tokens)
  SELECT given.id, %(account_id)s, conversation.id, conversation.run_id, given.public_id,
         COALESCE(lag(given.id) OVER (ORDER BY given.ordinal), %(after)s), given.role, given.name, given.parts,
         given.metadata, given.tokens
  FROM given, conversation
), reference AS (
  INSERT INTO conversations_reference (account_id, run_id, position, kind, content, name)
  SELECT %(account_id)s, conversation.run_id, r.ordinal - 1, r.kind, r.content, r.name
  FROM ROWS FROM (jsonb_to_recordset(%(references)s) AS (kind text, content text, name text))
       WITH ORDINALITY AS r(kind, content, name, ordinal), conversation
)
SELECT backlog.*, report.is_due AS needs_report, run.id, run.woken_at IS NULL AS is_held,
       conversation.id AS conversation_id, conversation.is_new
FROM backlog CROSS JOIN report LEFT JOIN (run CROSS JOIN conversation) ON true
"""  # noqa: S608 — put together of constants

# The same for a turn that is not stored: it has no conversation, no messages and no references, and is not reported.
# Without an `id` it was refused (BACKLOG).
START_UNSTORED = f"""
WITH {BACKLOG}, preset AS (
  SELECT id, text FROM conversations_preset
  WHERE account_id = %(account_id)s AND name = %(preset)s ORDER BY version DESC LIMIT 1
), run AS (
  INSERT INTO conversations_run (account_id, api_key_id, public_id, channel, trace_id, dialect, model, context_window,
                                 request, preset_id, preset_text, is_streamed, woken_at)
  SELECT %(account_id)s, %(api_key_id)s, %(run_public_id)s, %(channel)s, %(trace_id)s, %(dialect)s, %(model)s,
         %(context_window)s, %(request)s, preset.id, COALESCE(preset.text, %(preset)s, ''), %(is_streamed)s,
         CASE WHEN NOT open.has_held THEN statement_timestamp() END
  FROM open LEFT JOIN preset ON true
  RETURNING id, woken_at
)
SELECT backlog.*, run.id, run.woken_at IS NULL AS is_held
FROM backlog LEFT JOIN run ON true
"""  # noqa: S608 — as above

# How many runs the living workers can have in progress together.
THREADS = """
  SELECT COALESCE(sum(w.threads), 0) FROM conversations_worker w
  WHERE w.queue = 'runs' AND w.stopped_at IS NULL AND w.heartbeat_at > statement_timestamp() - %(lease)s::interval
"""

# Claims a run when it is next: no run of its conversation is in progress, and none is queued before it. Of two claims
# at the same instant the unique index conversation_has_at_most_one_active_run refuses one.
# No row: the run is not queued any more, is not next, is locked by another claim, or is now held.
# It is held when its account has its share of the workers' threads (ADR 18): its `woken_at` becomes NULL.
# Of the history only the newest messages come along, and no more than the model's context window can hold. The worker
# has the rest in its cache, or reads it (OLDER).
CLAIM = f"""
WITH RECURSIVE asked AS (
  SELECT r.id, r.account_id, r.conversation_id FROM conversations_run r
  WHERE r.id = %(run_id)s AND (r.status = 'queued') IS TRUE AND NOT EXISTS (
    SELECT 1 FROM conversations_run o
    WHERE o.conversation_id = r.conversation_id AND o.status IN ('queued', 'in_progress')
      AND (o.status = 'in_progress' OR o.id < r.id))
  FOR UPDATE OF r SKIP LOCKED
), busy AS (
  SELECT count(o.id) AS runs, count(o.id) FILTER (WHERE o.account_id = asked.account_id) AS own
  FROM asked LEFT JOIN conversations_run o ON o.status = 'in_progress'
), picked AS MATERIALIZED (
  SELECT asked.id, asked.conversation_id FROM asked, busy
  WHERE busy.own = 0 OR busy.own < %(share)s * (({THREADS}) - busy.runs)
), held AS (
  UPDATE conversations_run r SET woken_at = NULL
  FROM asked WHERE r.id = asked.id AND NOT EXISTS (SELECT 1 FROM picked)
), thread AS (
  SELECT c.id, c.preset_id, c.preset_text,
         -- A turn that was accepted behind a certain message stays there; the others follow the head.
         COALESCE((SELECT (array_agg(m.parent_id ORDER BY m.id))[1] FROM conversations_message m
                   WHERE m.run_id = picked.id), c.head_id) AS head_id
  FROM picked JOIN conversations_conversation c ON c.id = picked.conversation_id
), claimed AS (
  UPDATE conversations_run r
  SET status = 'in_progress', attempt = r.attempt + 1, worker_id = %(worker_id)s, claimed_at = now(),
      first_token_at = NULL,
      preset_id = CASE WHEN r.preset_text IS NULL THEN thread.preset_id ELSE r.preset_id END,
      preset_text = COALESCE(r.preset_text, thread.preset_text, '')
  FROM picked LEFT JOIN thread ON true
  WHERE r.id = picked.id
  RETURNING r.id, r.public_id, r.channel, r.account_id, r.attempt, r.attempts_lost, r.dialect, r.model,
            r.context_window, r.request::text AS request, r.preset_id, r.preset_text, r.is_streamed, r.conversation_id
), adopted AS (
  UPDATE conversations_message m SET parent_id = thread.head_id
  FROM thread WHERE m.run_id = %(run_id)s AND m.parent_id IS NULL AND thread.head_id IS NOT NULL
), path AS (
  SELECT m.id, m.parent_id, m.role, m.name, m.parts, m.provider_metadata, m.tokens, 1 AS depth,
         m.tokens::bigint AS total
  FROM thread JOIN conversations_message m ON m.id = thread.head_id
  UNION ALL
  SELECT m.id, m.parent_id, m.role, m.name, m.parts, m.provider_metadata, m.tokens, path.depth + 1,
         path.total + m.tokens
  FROM path JOIN conversations_message m ON m.id = path.parent_id
  WHERE path.depth < %(newest)s AND path.total <= (SELECT context_window FROM claimed)
)
SELECT claimed.*, preset.parameters::text AS parameters,
       (SELECT json_agg(json_build_array(id, parent_id, role, name, parts, provider_metadata, tokens)
                        ORDER BY depth)::text FROM path) AS history
FROM claimed LEFT JOIN conversations_preset preset ON preset.id = claimed.preset_id
"""  # noqa: S608 — put together of constants

# The history from a message towards the root, newest first as in CLAIM, until its tokens exceed `budget`. `history` is
# NULL when the message is gone.
OLDER = """
WITH RECURSIVE path AS (
  SELECT m.id, m.parent_id, m.role, m.name, m.parts, m.provider_metadata, m.tokens, 1 AS depth,
         m.tokens::bigint AS total
  FROM conversations_message m WHERE m.id = %(message_id)s AND m.conversation_id = %(conversation_id)s
  UNION ALL
  SELECT m.id, m.parent_id, m.role, m.name, m.parts, m.provider_metadata, m.tokens, path.depth + 1,
         path.total + m.tokens
  FROM path JOIN conversations_message m ON m.id = path.parent_id
  WHERE path.total <= %(budget)s
)
SELECT json_agg(json_build_array(id, parent_id, role, name, parts, provider_metadata, tokens) ORDER BY depth)::text
       AS history FROM path
"""

# Ordered, so that the planner reads the first entry of the index run_held, and never the table, whatever its statistics
# say.
IS_ANYBODY_HELD = """(
  SELECT h.id FROM conversations_run h WHERE h.status = 'queued' AND h.woken_at IS NULL
  ORDER BY h.account_id, h.queued_at, h.id LIMIT 1
) IS NOT NULL"""

# Ends a run; `is_written` says whether it did. It does not when a newer attempt or another end came first, or when
# `needs_report`: the end has to be reported to an endpoint or a callback, and `is_reported` is false (START_STORED).
# The conversation's head moves only when there is a message to move it to.
# `answer` is sent as text (`t`), as are the messages of START_STORED: binary JSON would be one more copy of what may be
# megabytes.
# `(SELECT) AS one` is one row without columns: joined to it, a run without a conversation is found too, and there is a
# result when nothing was written.
# The conversation is locked before its run, as everywhere: a turn that replaces older ones holds the lock of the
# conversation while it stops their runs.
FINISH = f"""
WITH thread AS (
  SELECT c.id FROM conversations_conversation c
  WHERE c.id = (SELECT conversation_id FROM conversations_run WHERE id = %(run_id)s)
  FOR NO KEY UPDATE
), done AS (
  UPDATE conversations_run r
  SET status = %(status)s, finished_at = now(), worker_id = NULL, answer = %(answer)t, usage = %(usage)s,
      error_code = %(error_code)s, error_message = %(error_message)s, error_facts = %(error_facts)s,
      first_token_at = now() - %(first_token_age)s::interval
  FROM (SELECT) AS one LEFT JOIN thread ON true
  WHERE r.id = %(run_id)s AND r.attempt = %(attempt)s AND (r.status = 'in_progress') IS TRUE
    AND (%(is_reported)s OR NOT (
      EXISTS (SELECT 1 FROM conversations_webhookendpoint e WHERE e.account_id = r.account_id)
      OR EXISTS (SELECT 1 FROM conversations_task t WHERE t.run_id = r.id AND t.callback_url <> '')))
  RETURNING r.id, r.account_id, r.conversation_id, r.attempt, r.model, r.preset_id, r.preset_text, r.claimed_at
), attempted AS (
  INSERT INTO conversations_runattempt (run_id, number, worker_name, started_at, outcome, upstream_request_id,
                                        upstream_calls, usage, error_code)
  SELECT id, attempt, %(worker_name)s, claimed_at, %(outcome)s, %(upstream_request_id)s, %(upstream_calls)s,
         %(usage)s, %(error_code)s
  FROM done
), answered AS (
  INSERT INTO conversations_message (account_id, conversation_id, run_id, public_id, parent_id, role, parts,
                                     provider_metadata, choice, tokens)
  SELECT done.account_id, done.conversation_id, done.id, m.public_id,
         (SELECT max(id) FROM conversations_message WHERE run_id = done.id), 'assistant', m.parts, m.metadata,
         m.choice, m.tokens
  FROM done, jsonb_to_recordset(%(messages)s)
       AS m(public_id text, parts jsonb, metadata jsonb, choice int, tokens int)
  WHERE done.conversation_id IS NOT NULL
  RETURNING id, choice
), moved AS (
  UPDATE conversations_conversation c
  SET head_id = answered.id, model = done.model, preset_id = done.preset_id, preset_text = done.preset_text,
      updated_at = now()
  FROM done, answered
  WHERE c.id = done.conversation_id AND answered.choice = 0
  RETURNING c.latest_run_id
)
SELECT done.id IS NOT NULL AS is_written, done.conversation_id, (SELECT latest_run_id FROM moved) AS latest_run_id,
       {IS_ANYBODY_HELD} AS is_anybody_held,
       done.id IS NULL AND EXISTS (
         SELECT 1 FROM conversations_run o
         WHERE o.id = %(run_id)s AND o.attempt = %(attempt)s AND (o.status = 'in_progress') IS TRUE) AS needs_report
FROM (SELECT) AS one LEFT JOIN done ON true
"""  # noqa: S608 — as above


def latest_moment(*, is_locked: bool = False) -> float | None:
    """The last moment at which the database may still act for the current request, in seconds of the database's clock.

    `is_locked`: act with what it has locked, rather than begin to wait for a lock. None when there is no limit.
    """
    connection.ensure_connection()
    held = connection.connection
    return held.latest_moment(is_locked=is_locked) if isinstance(held, DeadlineConnection) else None


def fetch_one(sql: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a statement that always returns one."""
    row = fetch_one_or_none(sql, parameters)
    if row is None:
        raise LookupError("the statement returned no row")
    return row


def fetch_one_or_none(sql: str, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The statement's row, if any, on this thread's Django connection.

    Parameters are bound on the server, where the statement stays prepared. Django binds them on the client, and
    PostgreSQL would plan these long statements again for every turn.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection, row_factory=dict_row) as cursor:
        return cursor.execute(sql, parameters).fetchone()
