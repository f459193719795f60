"""Ending a run."""

from dataclasses import dataclass

from conversations.services.runs.sql.compact import compact
from conversations.stores.statements import Numbered

# Ordered, so that the planner reads the first entry of the index active_run_held, and never the table, whatever its
# statistics say.
IS_ANYBODY_HELD = """(
  SELECT h.run_id FROM conversations_activerun h WHERE h.status = 'queued' AND h.woken_at IS NULL
  ORDER BY h.account_id, h.queued_at, h.run_id LIMIT 1
) IS NOT NULL"""


@dataclass(frozen=True, slots=True)
class _Money:
    """What the end of a metered run has besides: further columns of the active row and of the run, and more CTEs."""

    held: str = ""
    payer: str = ""
    settle: str = ""


# Takes what the run cost from the balance, and gives back what is reserved for it: both in the statement that ends it.
# `cost` NULL: it costs nothing, and the call is given back as well. What is left beside the other runs' reservations is
# all that can be taken; the rest is written off. `wallet` locks the balance, and so sees it as it is then: the account
# may have left off paying, or counting calls, while the run went on. `settled` writes it as `wallet` saw it, not as the
# statement began with it (`services/money/ledger.py` says why).
_METERED = _Money(
    held=", a.reserved, a.reserved_calls",
    payer=", r.api_key_id",
    settle=""", wallet AS (
  SELECT ended.reserved, b.amount, b.reserved AS all_reserved, b.calls_left,
         CASE WHEN %(cost)s::numeric IS NULL AND b.calls_left IS NOT NULL THEN ended.reserved_calls ELSE 0 END AS calls,
         CASE WHEN b.amount IS NULL THEN 0 ELSE COALESCE(%(cost)s::numeric, 0) END AS cost,
         CASE WHEN %(cost)s::numeric IS NULL OR b.amount IS NULL THEN 0
              ELSE LEAST(%(cost)s::numeric, b.amount - b.reserved + ended.reserved) END AS paid
  FROM ended, done, conversations_balance b
  WHERE b.account_id = %(account_id)s AND ended.reserved IS NOT NULL
  FOR NO KEY UPDATE OF b
), settled AS (
  UPDATE conversations_balance b
  SET amount = wallet.amount - wallet.paid, reserved = wallet.all_reserved - wallet.reserved,
      calls_left = wallet.calls_left + wallet.calls
  FROM wallet WHERE b.account_id = %(account_id)s
), entry AS (
  INSERT INTO conversations_ledgerentry (account_id, run_id, api_key_id, kind, amount, reserved, calls, written_off,
                                         model, explanation, usage_source)
  SELECT %(account_id)s, done.id, done.api_key_id, CASE WHEN %(cost)s::numeric IS NULL THEN 'release' ELSE 'settle' END,
         -wallet.paid, -wallet.reserved, wallet.calls, wallet.cost - wallet.paid,
         done.model, %(explanation)s, %(usage_source)s
  FROM done, wallet
)""",
)


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
_FINISH = """
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
  RETURNING a.run_id, a.claimed_at, a.cancel_requested_at{money.held}
), done AS (
  UPDATE conversations_run r
  SET ended_as = %(ended_as)s, attempt = %(attempt)s, claimed_at = ended.claimed_at, finished_at = now(),
      first_token_at = now() - %(first_token_age)s::interval, cancel_requested_at = ended.cancel_requested_at,
      answer = %(answer)t, usage = %(usage)s, error_code = %(error_code)s, error_message = %(error_message)s,
      error_facts = %(error_facts)s, preset_text = COALESCE(r.preset_text, thread.preset_text, ''),
      preset_id = CASE WHEN r.preset_text IS NULL THEN thread.preset_id ELSE r.preset_id END
  FROM ended LEFT JOIN thread ON true
  WHERE r.account_id = %(account_id)s AND r.id = %(run_id)s
  RETURNING r.id, r.conversation_id, r.model, r.preset_id, r.preset_text, r.claimed_at{money.payer}
), attempted AS (
  INSERT INTO conversations_runattempt (account_id, run_id, number, worker_name, started_at, outcome,
                                        upstream_request_id, upstream_calls, usage, error_code, target, moves)
  SELECT %(account_id)s, id, %(attempt)s, %(worker_name)s, claimed_at, %(attempt_outcome)s, %(upstream_request_id)s,
         %(upstream_calls)s, %(attempt_usage)s, %(error_code)s, %(target)s, %(moves)s
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
){money.settle}
SELECT CASE WHEN done.id IS NOT NULL THEN 'written' WHEN EXISTS (
           SELECT FROM conversations_activerun a
           WHERE a.run_id = %(run_id)s AND a.account_id = %(account_id)s AND a.attempt = %(attempt)s
             AND (a.status = 'in_progress') IS TRUE
         ) THEN 'needs_report' ELSE 'not_ours' END AS outcome,
       done.conversation_id, (SELECT latest_run_id FROM moved) AS latest_run_id, {is_anybody_held} AS is_anybody_held
FROM (SELECT) AS one LEFT JOIN done ON true
"""


def _statement(money: _Money) -> str:
    return compact(_FINISH.format(money=money, is_anybody_held=IS_ANYBODY_HELD))


FINISH = _statement(_Money())
FINISH_METERED = Numbered.of(_statement(_METERED))
