"""Claiming a run for a worker, and reading the rest of its history."""

from conversations.services.runs.sql.compact import compact

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
CLAIM = compact(f"""
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
  RETURNING a.run_id, a.attempt, a.attempts_lost, a.is_streamed, a.reserved, a.reserved_calls, a.markup_percent,
            a.max_cost
), thread AS (
  SELECT c.id, c.preset_id, c.preset_text, COALESCE(own.parent_id, c.head_id) AS head_id, own.messages
  FROM conversations_conversation c, (
    SELECT (array_agg(m.parent_id ORDER BY m.id))[1] AS parent_id,
           json_agg(json_build_array(m.role, m.name, m.parts, m.provider_metadata) ORDER BY m.id)::text AS messages
    FROM conversations_message m WHERE m.run_id = %(run_id)s
  ) AS own
  WHERE c.id = (SELECT conversation_id FROM picked) AND (c.account_id = %(account_id)s) IS TRUE
), run AS (
  SELECT claimed.*, (
           SELECT b.amount - b.reserved FROM conversations_balance b
           WHERE b.account_id = %(account_id)s AND claimed.reserved IS NOT NULL
         ) AS available, r.id, r.public_id, r.channel, r.account_id, r.dialect, r.model, r.context_window,
         r.request::text AS request, r.conversation_id, r.created_at,
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
