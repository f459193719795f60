"""Accepting a turn, with and without a conversation."""

from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from conversations.services.runs.sql.assisted import ASSISTED, NOBODYS
from conversations.services.runs.sql.compact import compact
from conversations.stores.statements import Numbered


class StartOutcome(StrEnum):
    """What START_STORED and START_UNSTORED did. Nothing is written unless it is `stored`.

    `late`: its caller is answered already, or its conversation was deleted while it waited for it, or a run of that one
    waits for an approval. `full`, `slow`: too many runs of the account wait, or too long. `needs_report`: the
    conversation is new, and the account has an endpoint. `deleted`: the conversation was. `no_money`, `no_calls`: the
    account has too few left. `no_visitor`: it is not known, and may not be made.
    """

    STORED = "stored"
    LATE = "late"
    FULL = "full"
    SLOW = "slow"
    NEEDS_REPORT = "needs_report"
    DELETED = "deleted"
    NO_MONEY = "no_money"
    NO_CALLS = "no_calls"
    NO_VISITOR = "no_visitor"


# Which of the account's runs wait, and what follows for its next turn. The turn is refused when too many wait
# (`full`), or when one of the `looked_at` oldest has waited too long although it needs nothing but a worker (`slow`).
# Of the three statuses `requires_action` alone is behind 'r'. Said so, no index on a status can answer it, and the
# statement stays short enough.
# It is accepted as held when others of the account are held (`has_held`), so that the wake-ups of one account never
# fill the queue.
# `until`, in seconds of the database's clock, is when the caller is answered that the service is unavailable: a turn is
# not accepted later than that (`late`).
# `open` has a row when the turn is not refused.
def _backlog(*, refusals: str = "") -> str:
    return f"""
waiting AS (
  SELECT queued_at, woken_at, conversation_id FROM conversations_activerun
  WHERE account_id = %(account_id)s AND worker_id IS NULL AND status < 'r'
  ORDER BY queued_at LIMIT %(max_queued)s
), backlog AS (
  SELECT CASE
    WHEN clock_timestamp() > to_timestamp(%(until)s) THEN 'late'
    WHEN (SELECT count(*) FROM waiting) >= %(max_queued)s THEN 'full'
    WHEN EXISTS (
      SELECT FROM (SELECT * FROM waiting LIMIT %(looked_at)s) AS oldest
      WHERE oldest.queued_at < statement_timestamp() - %(oldest_wait)s::interval AND NOT EXISTS (
        SELECT FROM conversations_activerun o
        WHERE o.conversation_id = oldest.conversation_id AND o.status = 'in_progress')
    ) THEN 'slow' {refusals}END AS refusal
), open AS (
  SELECT (SELECT count(*) FROM waiting) >= %(max_wake_ups)s
         OR EXISTS (SELECT FROM waiting WHERE woken_at IS NULL) AS has_held
  FROM backlog WHERE refusal IS NULL
)"""  # noqa: S608 — put together of constants


BACKLOG = _backlog()


@dataclass(frozen=True, slots=True)
class _Money:
    """What a turn of a metered account has besides. A turn of any other account has nothing of it.

    `refusals` are more cases of BACKLOG. `columns` and `values`: further ones of the active row, from `source`.
    `reserve` are the CTEs that reserve for the run that `row` has.
    """

    refusals: str = ""
    columns: str = ""
    values: str = ""
    source: str = ""
    reserve: str = ""


_UNMETERED = _Money()
# What cannot be afforded is refused before anything is written. Of turns that come at the same moment, some are refused
# only by the constraints of the balance, which undo the whole statement (`accept`).
# The balance is locked after the conversation, since the row to reserve for comes from there.
# Without a sum to reserve (`reserve` NULL) nothing is changed: then the turn only brings what it may cost at most.
_METERED = _Money(
    refusals="""
    WHEN (SELECT b.amount - b.reserved < %(reserve)s::numeric FROM conversations_balance b
          WHERE b.account_id = %(account_id)s) THEN 'no_money'
    WHEN (SELECT b.calls_left < 1 FROM conversations_balance b
          WHERE b.account_id = %(account_id)s AND %(reserve)s::numeric IS NOT NULL) THEN 'no_calls' """,
    columns=", reserved, reserved_calls, markup_percent, max_cost",
    values=", paid.reserved, COALESCE(paid.calls, 0), %(markup_percent)s::numeric, %(max_cost)s::numeric",
    source=" LEFT JOIN paid ON true",
    reserve="""paid AS (
  UPDATE conversations_balance b SET reserved = b.reserved + %(reserve)s::numeric, calls_left = b.calls_left - 1
  FROM {row} WHERE b.account_id = %(account_id)s AND %(reserve)s::numeric IS NOT NULL
  RETURNING {run_id} AS run_id, %(reserve)s::numeric AS reserved, (b.calls_left IS NOT NULL)::int AS calls
), entry AS (
  INSERT INTO conversations_ledgerentry (account_id, run_id, api_key_id, kind, reserved, calls, model)
  SELECT %(account_id)s, paid.run_id, %(api_key_id)s, 'reserve', paid.reserved, -paid.calls, %(model)s FROM paid
), """,
)


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
# While a run of the conversation waits for an approval, nothing is accepted behind it; `accept` finds out why it was
# not. A turn that waited for the conversation's lock while the run began to wait does not see that: it is never
# claimed, and fails with those that were accepted before.
# `locked_until` is compared once the conversation's row is locked. `lock_timeout` bounds each wait, but behind others
# that wait for the same row a statement waits twice: for its place, and for the row.
# `xmax = 0` tells a conversation that was inserted from one that was there.
# `whose`: what a turn of an assistant or a visitor has besides (`sql/assisted.py`).
_STORED = """
WITH {whose.find}{backlog}, preset AS (
  SELECT id, text FROM conversations_preset
  WHERE account_id = %(account_id)s AND name = %(preset)s ORDER BY version DESC LIMIT 1
), report AS (
  SELECT NOT %(is_reported)s
    AND EXISTS (SELECT FROM conversations_webhookendpoint WHERE account_id = %(account_id)s)
    AND NOT EXISTS (SELECT FROM conversations_conversation
                    WHERE account_id = %(account_id)s AND public_id = {whose.conversation}{whose.is_known}) AS is_due
), turn AS (
  INSERT INTO conversations_conversation AS c (account_id, public_id, latest_run_id)
  SELECT %(account_id)s::bigint, {whose.conversation}::varchar, nextval('conversations_run_id_seq')
  FROM open, report WHERE NOT is_due
  ON CONFLICT (account_id, public_id) DO UPDATE
  SET latest_run_id = nextval('conversations_run_id_seq'), previous_run_id = c.latest_run_id
  WHERE c.deleted_at IS NULL AND (clock_timestamp() > to_timestamp(%(locked_until)s)) IS NOT TRUE AND NOT EXISTS (
    SELECT FROM conversations_activerun WHERE conversation_id = c.id AND status > 'r')
  RETURNING c.id, c.latest_run_id AS run_id, c.xmax = 0 AS is_new, c.created_at, c.head_id,
            EXISTS (SELECT FROM conversations_activerun o WHERE o.conversation_id = c.id) AS is_busy,
            c.previous_run_id IS NOT DISTINCT FROM (
              SELECT l.id FROM conversations_run l WHERE l.id = c.previous_run_id) AS sees_all
), {reserve}active AS (
  INSERT INTO conversations_activerun (run_id, account_id, conversation_id, is_streamed, woken_at{money.columns})
  SELECT turn.run_id, %(account_id)s, turn.id, %(is_streamed)s,
         CASE WHEN NOT open.has_held OR turn.is_busy THEN statement_timestamp() END{money.values}
  FROM turn, open{money.source}
  RETURNING woken_at
), run AS (
  INSERT INTO conversations_run (id, account_id, api_key_id, conversation_id, public_id, channel, trace_id, dialect,
    model, context_window, request, preset_id, preset_text)
  SELECT turn.run_id, %(account_id)s, %(api_key_id)s, turn.id, %(run_public_id)s, %(channel)s, %(trace_id)s,
         %(dialect)s, %(model)s, %(context_window)s, %(request)s, preset.id, COALESCE(preset.text, %(preset)s)
  FROM turn LEFT JOIN preset ON true
), {record}given AS (
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
                      WHERE account_id = %(account_id)s AND public_id = {whose.conversation} AND deleted_at IS NOT NULL)
         THEN 'deleted' ELSE 'late' END) AS outcome,
       turn.run_id, active.woken_at IS NULL AS is_held, turn.id AS conversation_id, turn.is_new,
       turn.created_at{whose.columns}
FROM backlog CROSS JOIN report LEFT JOIN (turn CROSS JOIN active) ON true
"""


# The same for a turn that is not stored: it has no conversation, no messages and no references, and is not reported.
# `keep`: how long its content stays unless its reader has it erased before.
_UNSTORED = """
WITH {whose.find}{backlog}, preset AS (
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
), {record}{reserve}active AS (
  INSERT INTO conversations_activerun (run_id, account_id, is_streamed, woken_at{money.columns})
  SELECT run.id, %(account_id)s, %(is_streamed)s,
         CASE WHEN NOT open.has_held THEN statement_timestamp() END{money.values}
  FROM run, open{money.source}
  RETURNING run_id, woken_at
)
SELECT COALESCE(backlog.refusal, 'stored') AS outcome, active.run_id, active.woken_at IS NULL AS is_held
FROM backlog LEFT JOIN active ON true
"""


def _text(*, is_stored: bool, is_metered: bool = False, is_assisted: bool = False) -> str:
    money, whose = _METERED if is_metered else _UNMETERED, ASSISTED if is_assisted else NOBODYS
    # The CTE that has the new run, and its column.
    run = {"row": "turn", "run_id": "turn.run_id"} if is_stored else {"row": "run", "run_id": "run.id"}
    text = (_STORED if is_stored else _UNSTORED).format(
        backlog=_backlog(refusals=money.refusals + (whose.refusals if is_stored else "")),
        money=money,
        reserve=money.reserve.format(**run),
        whose=whose,
        record=(whose.record if is_stored else whose.record_unstored).format(**run),
    )
    return compact(text)


START_STORED = _text(is_stored=True)
START_UNSTORED = _text(is_stored=False)
_LONGER = {
    (is_stored, is_metered, is_assisted): Numbered.of(
        _text(is_stored=is_stored, is_metered=is_metered, is_assisted=is_assisted)
    )
    for is_stored, is_metered, is_assisted in product((False, True), repeat=3)
    if is_metered or is_assisted
}


def start(*, is_stored: bool, is_metered: bool, is_assisted: bool) -> str | Numbered:
    if is_metered or is_assisted:
        return _LONGER[is_stored, is_metered, is_assisted]
    return START_STORED if is_stored else START_UNSTORED
