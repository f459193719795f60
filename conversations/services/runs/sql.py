"""The hot path's SQL, written by hand: one statement to accept a turn, one to claim its run, one to finish it.

| statement | called by | locks, in this order | returns |
|---|---|---|---|
| START_STORED | `accept` | the conversation | one row, with an `outcome` |
| START_UNSTORED | `accept` | nothing | one row, with an `outcome` |
| CLAIM | `claim` | the active run, unless it is locked: then it is skipped | one row, with an `outcome` |
| OLDER | `workers/runs/history.py` | nothing | one row |
| FINISH | `finish` | the conversation, the active run, the run | one row, with an `outcome` |

Each is one round trip and one transaction of its own (autocommit), carried out by `stores.statements`. Other raw SQL
stands beside the service that needs it; whatever the ORM can say is left to the ORM.

`(status = …) IS TRUE` where the run's id is given keeps the planner from using a partial index on `status`. It would
read that index from end to end, because it takes it for nearly empty. When many runs wait, or have ended since the
last vacuum, the index is long. `(account_id = …) IS TRUE` beside the id of a conversation does the same. And such an id
is a parameter or a subquery, not a column to join with: while a table has no statistics, the planner would read all of
it, or all rows of the account, for one row; and a plan stays with its connection.

psycopg parses a statement again every time when it is longer than its MAX_CACHED_STATEMENT_LENGTH.
"""

import re

from django.db import connection

from conversations.stores.deadlines import DeadlineConnection


def _compact(statement: str) -> str:
    """Without the space that only people need, so that psycopg keeps it."""
    return re.sub(r" ?([,()=<>]) ?", r"\1", " ".join(statement.split()))


# Which of the account's runs wait, and what follows for its next turn. The turn is refused when too many wait
# (`full`), or when one of the `looked_at` oldest has waited too long although it needs nothing but a worker (`slow`).
# It is accepted as held when others of the account are held (`has_held`), so that the wake-ups of one account never
# fill the queue.
# `until`, in seconds of the database's clock, is when the caller is answered that the service is unavailable: a turn is
# not accepted later than that (`late`).
# `open` has a row when the turn is not refused.
BACKLOG = """
waiting AS (
  SELECT w.queued_at, w.woken_at, w.conversation_id FROM conversations_activerun w
  WHERE w.account_id = %(account_id)s AND w.worker_id IS NULL
  ORDER BY w.queued_at LIMIT %(max_queued)s
), backlog AS (
  SELECT CASE
    WHEN clock_timestamp() > to_timestamp(%(until)s) THEN 'late'
    WHEN (SELECT count(*) FROM waiting) >= %(max_queued)s THEN 'full'
    WHEN EXISTS (
      SELECT FROM (SELECT * FROM waiting LIMIT %(looked_at)s) AS oldest
      WHERE oldest.queued_at < statement_timestamp() - %(oldest_wait)s::interval AND NOT EXISTS (
        SELECT FROM conversations_activerun o
        WHERE o.conversation_id = oldest.conversation_id AND o.status = 'in_progress')
    ) THEN 'slow' END AS refusal
), open AS (
  SELECT (SELECT count(*) FROM waiting) >= %(max_wake_ups)s
         OR EXISTS (SELECT FROM waiting WHERE woken_at IS NULL) AS has_held
  FROM backlog WHERE refusal IS NULL
)"""

# Creates or locks the conversation and writes every row of the turn, or writes nothing (`accept.StartOutcome`).
# `needs_report`: the caller runs the statement again with `is_reported`, in a transaction that also reports. So an
# account without endpoints pays for one lookup and no transaction.
# A preset that names a stored one of the account becomes that one's newest version.
# The run's id is drawn under the conversation's lock, so that the runs of one conversation are accepted in the order
# of their ids. CLAIM goes by that order, and FINISH compares with the latest id to find out whether another run waits.
# A run that waits for its conversation is never held: the end of the run before it wakes it.
# The first new message follows the head at once when nothing of the conversation is active; otherwise CLAIM sets its
# parent, because the head may still move. This statement may have waited for the conversation's lock, and then it does
# not see what was accepted meanwhile. But `turn` is the row as it is under the lock: when the run before this one is
# seen here (`sees_all`), so is every earlier one, and those that are not active have moved the head already.
# `locked_until` is compared once the conversation's row is locked. `lock_timeout` bounds each wait, but behind others
# that wait for the same row a statement waits twice: for its place, and for the row.
# `xmax = 0` tells a conversation that was inserted from one that was there.
START_STORED = _compact(f"""
WITH {BACKLOG}, preset AS (
  SELECT id, text FROM conversations_preset
  WHERE account_id = %(account_id)s AND name = %(preset)s ORDER BY version DESC LIMIT 1
), report AS (
  SELECT NOT %(is_reported)s
    AND EXISTS (SELECT FROM conversations_webhookendpoint WHERE account_id = %(account_id)s)
    AND NOT EXISTS (SELECT FROM conversations_conversation
                    WHERE account_id = %(account_id)s AND public_id = %(conversation_id)s) AS is_due
), turn AS (
  INSERT INTO conversations_conversation AS c (account_id, public_id, latest_run_id)
  SELECT %(account_id)s::bigint, %(conversation_id)s::varchar, nextval('conversations_run_id_seq')
  FROM open, report WHERE NOT is_due
  ON CONFLICT (account_id, public_id) DO UPDATE
  SET latest_run_id = nextval('conversations_run_id_seq'), previous_run_id = c.latest_run_id
  WHERE c.deleted_at IS NULL AND (clock_timestamp() > to_timestamp(%(locked_until)s)) IS NOT TRUE
  RETURNING c.id, c.latest_run_id AS run_id, c.xmax = 0 AS is_new, c.created_at, c.head_id,
            EXISTS (SELECT FROM conversations_activerun o WHERE o.conversation_id = c.id) AS is_busy,
            c.previous_run_id IS NOT DISTINCT FROM (
              SELECT l.id FROM conversations_run l WHERE l.id = c.previous_run_id) AS sees_all
), active AS (
  INSERT INTO conversations_activerun (run_id, account_id, conversation_id, is_streamed, woken_at)
  SELECT turn.run_id, %(account_id)s, turn.id, %(is_streamed)s,
         CASE WHEN NOT open.has_held OR turn.is_busy THEN statement_timestamp() END
  FROM turn, open
  RETURNING woken_at
), run AS (
  INSERT INTO conversations_run (id, account_id, api_key_id, conversation_id, public_id, channel, trace_id, dialect,
    model, context_window, request, preset_id, preset_text)
  SELECT turn.run_id, %(account_id)s, %(api_key_id)s, turn.id, %(run_public_id)s, %(channel)s, %(trace_id)s,
         %(dialect)s, %(model)s, %(context_window)s, %(request)s, preset.id, COALESCE(preset.text, %(preset)s)
  FROM turn LEFT JOIN preset ON true
), given AS (
  SELECT nextval('conversations_message_id_seq') AS id, m.*
  FROM ROWS FROM (jsonb_to_recordset(%(messages)t)
                  AS (public_id text, role text, name text, parts jsonb, metadata jsonb, tokens int, digest bytea))
       WITH ORDINALITY AS m
), message AS (
  INSERT INTO conversations_message (id, account_id, conversation_id, run_id, public_id, parent_id, role, name, parts,
    provider_metadata, tokens, digest)
  SELECT given.id, %(account_id)s, turn.id, turn.run_id, given.public_id,
         COALESCE(lag(given.id) OVER (ORDER BY given.ordinality), %(after)s,
                  CASE WHEN turn.sees_all AND NOT turn.is_busy THEN turn.head_id END),
         given.role, given.name, given.parts, given.metadata, given.tokens, given.digest
  FROM given, turn
), reference AS (
  INSERT INTO conversations_reference (account_id, run_id, position, kind, content, name)
  SELECT %(account_id)s, turn.run_id, r.ordinality - 1, r.kind, r.content, r.name
  FROM ROWS FROM (jsonb_to_recordset(%(references)s) AS (kind text, content text, name text))
       WITH ORDINALITY AS r, turn
)
SELECT COALESCE(backlog.refusal, CASE WHEN report.is_due THEN 'needs_report' WHEN turn.id IS NOT NULL THEN 'stored'
         WHEN EXISTS (SELECT FROM conversations_conversation
                      WHERE account_id = %(account_id)s AND public_id = %(conversation_id)s AND deleted_at IS NOT NULL)
         THEN 'deleted' ELSE 'late' END) AS outcome,
       turn.run_id, active.woken_at IS NULL AS is_held, turn.id AS conversation_id, turn.is_new,
       turn.created_at
FROM backlog CROSS JOIN report LEFT JOIN (turn CROSS JOIN active) ON true
""")  # noqa: S608 — put together of constants

# The same for a turn that is not stored: it has no conversation, no messages and no references, and is not reported.
# `keep`: how long its content stays unless its reader has it erased before.
START_UNSTORED = _compact(f"""
WITH {BACKLOG}, preset AS (
  SELECT id, text FROM conversations_preset
  WHERE account_id = %(account_id)s AND name = %(preset)s ORDER BY version DESC LIMIT 1
), run AS (
  INSERT INTO conversations_run (account_id, api_key_id, public_id, channel, trace_id, dialect, model, context_window,
                                 request, preset_id, preset_text, forget_after)
  SELECT %(account_id)s, %(api_key_id)s, %(run_public_id)s, %(channel)s, %(trace_id)s, %(dialect)s, %(model)s,
         %(context_window)s, %(request)s, preset.id, COALESCE(preset.text, %(preset)s, ''),
         statement_timestamp() + %(keep)s::interval
  FROM open LEFT JOIN preset ON true
  RETURNING id
), active AS (
  INSERT INTO conversations_activerun (run_id, account_id, is_streamed, woken_at)
  SELECT run.id, %(account_id)s, %(is_streamed)s, CASE WHEN NOT open.has_held THEN statement_timestamp() END
  FROM run, open
  RETURNING run_id, woken_at
)
SELECT COALESCE(backlog.refusal, 'stored') AS outcome, active.run_id, active.woken_at IS NULL AS is_held
FROM backlog LEFT JOIN active ON true
""")  # noqa: S608 — as above

# How many runs the living workers can have in progress together.
THREADS = """
  SELECT COALESCE(sum(w.threads), 0) FROM conversations_worker w
  WHERE w.queue = 'runs' AND w.stopped_at IS NULL AND w.heartbeat_at > statement_timestamp() - %(lease)s::interval
"""

# No earlier run of its conversation is active. One that is in progress is earlier than all that wait, because they are
# claimed in the order of their ids. As a NOT EXISTS it could become a join that reads all active runs, and with an
# ORDER BY, or a comparison that an index can answer, a walk along their primary key.
IS_NEXT = """(
  SELECT o.run_id FROM conversations_activerun o
  WHERE o.conversation_id = a.conversation_id AND (o.run_id < a.run_id) IS TRUE LIMIT 1) IS NULL"""

# Claims a run when it is next, or says why not (`claim.ClaimOutcome`). Of two claims at the same instant the unique
# index conversation_has_at_most_one_active_run refuses one.
# It is held when its account has its share of the workers' threads (ADR 18): its `woken_at` becomes NULL.
# A turn that was accepted behind a certain message stays there (`thread`); the others follow the head.
# `messages`: the turn's own, in order. They are those of the run, which has no others before it has ended.
# `needs_report` as in FINISH, but as it is now: it only saves the worker a FINISH that would be refused.
# Of the history only the newest messages come along, and no more than the model's context window can hold. The worker
# has the rest in its cache, or reads it (OLDER).
CLAIM = _compact(f"""
WITH RECURSIVE asked AS (
  SELECT a.run_id, a.account_id, a.conversation_id FROM conversations_activerun a
  WHERE a.run_id = %(run_id)s AND a.account_id = %(account_id)s AND (a.status = 'queued') IS TRUE AND {IS_NEXT}
  FOR UPDATE OF a SKIP LOCKED
), busy AS (
  SELECT count(o.run_id) AS runs, count(o.run_id) FILTER (WHERE o.account_id = asked.account_id) AS own
  FROM asked LEFT JOIN conversations_activerun o ON o.status = 'in_progress'
), picked AS MATERIALIZED (
  SELECT asked.conversation_id FROM asked, busy
  WHERE busy.own = 0 OR busy.own < %(share)s * (({THREADS}) - busy.runs)
), held AS (
  UPDATE conversations_activerun a SET woken_at = NULL
  FROM asked WHERE a.run_id = %(run_id)s AND NOT EXISTS (SELECT FROM picked)
), claimed AS (
  UPDATE conversations_activerun a
  SET status = 'in_progress', attempt = a.attempt + 1, worker_id = %(worker_id)s, claimed_at = now()
  FROM picked WHERE a.run_id = %(run_id)s
  RETURNING a.run_id, a.attempt, a.attempts_lost, a.is_streamed
), thread AS (
  SELECT c.id, c.preset_id, c.preset_text, COALESCE(own.parent_id, c.head_id) AS head_id, own.messages
  FROM conversations_conversation c, (
    SELECT (array_agg(m.parent_id ORDER BY m.id))[1] AS parent_id,
           json_agg(json_build_array(m.role, m.name, m.parts, m.provider_metadata) ORDER BY m.id)::text AS messages
    FROM conversations_message m WHERE m.run_id = %(run_id)s
  ) AS own
  WHERE c.id = (SELECT conversation_id FROM picked) AND (c.account_id = %(account_id)s) IS TRUE
), run AS (
  SELECT claimed.*, r.id, r.public_id, r.channel, r.account_id, r.dialect, r.model, r.context_window,
         r.request::text AS request, r.conversation_id,
         CASE WHEN r.preset_text IS NULL THEN thread.preset_id ELSE r.preset_id END AS preset_id,
         COALESCE(r.preset_text, thread.preset_text, '') AS preset_text
  FROM claimed JOIN conversations_run r ON r.account_id = %(account_id)s AND r.id = %(run_id)s
       LEFT JOIN thread ON true
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
  WHERE path.depth < %(newest)s AND path.total <= (SELECT context_window FROM run)
)
SELECT CASE WHEN run.id IS NOT NULL THEN 'claimed' WHEN EXISTS (SELECT FROM asked) THEN 'held' ELSE COALESCE((
         SELECT CASE WHEN a.worker_id IS NOT NULL THEN 'taken' WHEN {IS_NEXT} THEN 'locked' ELSE 'not_next' END
         FROM conversations_activerun a WHERE a.run_id = %(run_id)s AND a.account_id = %(account_id)s), 'taken')
       END AS outcome,
       run.*, (SELECT messages FROM thread) AS messages, preset.parameters::text AS parameters,
       (SELECT json_agg(json_build_array(id, parent_id, role, name, parts, provider_metadata, tokens)
                        ORDER BY depth)::text FROM path) AS history,
       EXISTS (SELECT FROM conversations_webhookendpoint e WHERE e.account_id = %(account_id)s)
         OR EXISTS (SELECT FROM conversations_task t WHERE t.run_id = %(run_id)s AND t.callback_url <> '')
         AS needs_report
FROM (SELECT) AS one LEFT JOIN run ON true LEFT JOIN conversations_preset preset ON preset.id = run.preset_id
""")  # noqa: S608 — put together of constants

# The history from a message towards the root, newest first as in CLAIM, until its tokens exceed `budget`. `history` is
# NULL when the message is gone.
OLDER = """
WITH RECURSIVE path AS (
  SELECT m.id, m.parent_id, m.role, m.name, m.parts, m.provider_metadata, m.tokens, 1 AS depth,
         m.tokens::bigint AS total
  FROM conversations_message m
  WHERE m.account_id = %(account_id)s AND m.id = %(message_id)s AND m.conversation_id = %(conversation_id)s
  UNION ALL
  SELECT m.id, m.parent_id, m.role, m.name, m.parts, m.provider_metadata, m.tokens, path.depth + 1,
         path.total + m.tokens
  FROM path JOIN conversations_message m ON m.id = path.parent_id
  WHERE path.total <= %(budget)s
)
SELECT json_agg(json_build_array(id, parent_id, role, name, parts, provider_metadata, tokens) ORDER BY depth)::text
       AS history FROM path
"""

# Ordered, so that the planner reads the first entry of the index active_run_held, and never the table, whatever its
# statistics say.
IS_ANYBODY_HELD = """(
  SELECT h.run_id FROM conversations_activerun h WHERE h.status = 'queued' AND h.woken_at IS NULL
  ORDER BY h.account_id, h.queued_at, h.run_id LIMIT 1
) IS NOT NULL"""

# Ends a run, or changes nothing (`finish.FinishOutcome`). `needs_report`: the caller runs it again with `is_reported`,
# as with START_STORED.
# The run takes over from its active row what is to be kept of it, and that row is deleted.
# The conversation's head moves only when there is a message to move it to. Its preset is still what it was when the run
# was claimed, for only the end of a run changes it.
# `answer` and `messages` are sent as text (`t`), as are the messages of START_STORED: binary JSON would be one more
# copy of what may be megabytes.
# `(SELECT) AS one` is one row without columns: joined to it, a run without a conversation is found too, and there is a
# result when nothing was written.
# The conversation is locked before its run, as everywhere: a turn that replaces older ones holds the lock of the
# conversation while it stops their runs.
FINISH = _compact(f"""
WITH thread AS (
  SELECT c.id, c.preset_id, c.preset_text FROM conversations_conversation c
  WHERE (c.account_id = %(account_id)s) IS TRUE AND c.id = (
    SELECT a.conversation_id FROM conversations_activerun a
    WHERE a.run_id = %(run_id)s AND a.account_id = %(account_id)s)
  FOR NO KEY UPDATE
), ended AS (
  DELETE FROM conversations_activerun a USING (SELECT) AS one LEFT JOIN thread ON true
  WHERE a.run_id = %(run_id)s AND a.account_id = %(account_id)s AND a.attempt = %(attempt)s
    AND (a.status = 'in_progress') IS TRUE
    AND (%(is_reported)s OR NOT (
      EXISTS (SELECT FROM conversations_webhookendpoint e WHERE e.account_id = %(account_id)s)
      OR EXISTS (SELECT FROM conversations_task t WHERE t.run_id = %(run_id)s AND t.callback_url <> '')))
  RETURNING a.run_id, a.claimed_at, a.cancel_requested_at
), done AS (
  UPDATE conversations_run r
  SET ended_as = %(ended_as)s, attempt = %(attempt)s, claimed_at = ended.claimed_at, finished_at = now(),
      first_token_at = now() - %(first_token_age)s::interval, cancel_requested_at = ended.cancel_requested_at,
      answer = %(answer)t, usage = %(usage)s, error_code = %(error_code)s, error_message = %(error_message)s,
      error_facts = %(error_facts)s, preset_text = COALESCE(r.preset_text, thread.preset_text, ''),
      preset_id = CASE WHEN r.preset_text IS NULL THEN thread.preset_id ELSE r.preset_id END
  FROM ended LEFT JOIN thread ON true
  WHERE r.account_id = %(account_id)s AND r.id = %(run_id)s
  RETURNING r.id, r.conversation_id, r.model, r.preset_id, r.preset_text, r.claimed_at
), attempted AS (
  INSERT INTO conversations_runattempt (account_id, run_id, number, worker_name, started_at, outcome,
                                        upstream_request_id, upstream_calls, usage, error_code)
  SELECT %(account_id)s, id, %(attempt)s, %(worker_name)s, claimed_at, %(attempt_outcome)s, %(upstream_request_id)s,
         %(upstream_calls)s, %(usage)s, %(error_code)s
  FROM done
), answered AS (
  INSERT INTO conversations_message (account_id, conversation_id, run_id, public_id, parent_id, role, parts,
                                     provider_metadata, choice, tokens, digest)
  SELECT %(account_id)s, done.conversation_id, done.id, m.public_id,
         (SELECT max(id) FROM conversations_message WHERE run_id = done.id), 'assistant', m.parts, m.metadata,
         m.choice, m.tokens, m.digest
  FROM done, jsonb_to_recordset(%(messages)t)
       AS m(public_id text, parts jsonb, metadata jsonb, choice int, tokens int, digest bytea)
  WHERE done.conversation_id IS NOT NULL
  RETURNING id, choice
), moved AS (
  UPDATE conversations_conversation c
  SET head_id = answered.id, model = done.model, preset_id = done.preset_id, preset_text = done.preset_text,
      updated_at = now()
  FROM done, answered
  WHERE c.id = (SELECT id FROM thread) AND (c.account_id = %(account_id)s) IS TRUE AND answered.choice = 0
  RETURNING c.latest_run_id
)
SELECT CASE WHEN done.id IS NOT NULL THEN 'written' WHEN EXISTS (
           SELECT FROM conversations_activerun a
           WHERE a.run_id = %(run_id)s AND a.account_id = %(account_id)s AND a.attempt = %(attempt)s
             AND (a.status = 'in_progress') IS TRUE
         ) THEN 'needs_report' ELSE 'not_ours' END AS outcome,
       done.conversation_id, (SELECT latest_run_id FROM moved) AS latest_run_id, {IS_ANYBODY_HELD} AS is_anybody_held
FROM (SELECT) AS one LEFT JOIN done ON true
""")  # noqa: S608 — as above


def latest_moment(*, is_locked: bool = False) -> float | None:
    """The last moment at which the database may still act for the current request, in seconds of the database's clock.

    `is_locked`: act with what it has locked, rather than begin to wait for a lock. None when there is no limit.
    """
    connection.ensure_connection()
    held = connection.connection
    return held.latest_moment(is_locked=is_locked) if isinstance(held, DeadlineConnection) else None
