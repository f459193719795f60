"""What START has besides for a turn of an assistant, of a visitor, or of both: whose the run and its conversation are.

It stands in the statement that accepts the turn, so that one that is refused leaves no visitor and no thread.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Whose:
    """The parts of a statement that has them. A turn of neither has nothing of them.

    `find`: CTEs that stand before all others. `refusals` are more cases of BACKLOG. `conversation` is the public id of
    the conversation that the turn belongs to, `is_known` one more condition under which nothing new is to be reported.
    `record`, `record_unstored`: CTEs that write whose the run is, which is `run_id` of the CTE `row`.
    """

    find: str = ""
    refusals: str = ""
    conversation: str = "%(conversation_id)s"
    is_known: str = ""
    record: str = ""
    record_unstored: str = ""
    columns: str = ""


NOBODYS = Whose()

# The visitor is locked so that nobody can delete or merge it meanwhile, but not against other turns: it comes first in
# the order of locks. One that was deleted or merged while the statement waited for it is not there any more.
# `thread`: the conversation that is its memory with the assistant.
_FIND = """known AS (
  SELECT v.id, (v.last_seen_at > statement_timestamp() - interval '1 minute') IS NOT TRUE AS is_unseen,
         (SELECT c.public_id FROM conversations_conversation c
          WHERE (c.account_id = %(account_id)s) IS TRUE AND c.deleted_at IS NULL AND c.id = (
            SELECT d.conversation_id FROM conversations_dialogue d
            WHERE d.visitor_id = v.id AND d.assistant_id = %(assistant)s::bigint AND d.account_id = %(account_id)s
              AND d.is_thread AND %(is_thread)s)) AS thread
  FROM conversations_visitor v
  WHERE (v.account_id = %(account_id)s) IS TRUE AND v.deleted_at IS NULL AND v.id = (
    SELECT i.visitor_id FROM conversations_visitoridentity i
    WHERE i.account_id = %(account_id)s AND i.external_id = %(external_id)s::varchar)
  FOR KEY SHARE OF v
), """

# Unless another turn, which nobody should wait for, is about to say the same: some customers have one id for all their
# visitors.
_SEEN = """seen AS (
  UPDATE conversations_visitor v
  SET last_seen_at = statement_timestamp(), first_seen_at = COALESCE(v.first_seen_at, statement_timestamp())
  FROM {row}
  WHERE v.id = (SELECT o.id FROM conversations_visitor o WHERE o.id = (SELECT id FROM known WHERE is_unseen)
                FOR NO KEY UPDATE SKIP LOCKED)
), """

_OWN = """own AS (
  INSERT INTO conversations_assistedrun (run_id, account_id, assistant_id, assistant_version, visitor_id)
  SELECT {run_id}, %(account_id)s, %(assistant)s::bigint, %(version)s::int, (SELECT id FROM {visitor}) FROM {row}
), """

# Two turns at the same moment that make the same visitor, or the same thread: the unique indexes refuse the later one
# as a whole, and it is begun anew (`accept`).
# A conversation's row says whose it is from its first such turn on. It is changed by later turns only where it said
# nothing yet, or to open it again.
_RECORD = """identity AS (
  INSERT INTO conversations_visitoridentity (account_id, external_id, visitor_id)
  SELECT %(account_id)s, %(external_id)s::varchar, nextval('conversations_visitor_id_seq')
  FROM turn WHERE %(external_id)s::varchar IS NOT NULL AND NOT EXISTS (SELECT FROM known)
  RETURNING visitor_id
), made AS (
  INSERT INTO conversations_visitor (id, account_id, public_id, name, email, mobile, attributes, first_seen_at,
                                     last_seen_at)
  SELECT visitor_id, %(account_id)s, %(visitor_public_id)s, %(name)s, %(email)s, %(mobile)s, %(attributes)s,
         statement_timestamp(), statement_timestamp()
  FROM identity
  RETURNING id
), visitor AS (
  SELECT id FROM known UNION ALL SELECT id FROM made
), dialogue AS (
  INSERT INTO conversations_dialogue AS d (conversation_id, account_id, assistant_id, visitor_id, is_thread, is_open,
                                           look_at)
  SELECT turn.id, %(account_id)s, %(assistant)s::bigint, visitor.id, %(is_thread)s, %(has_endpoints)s,
         CASE WHEN %(has_endpoints)s THEN statement_timestamp() + %(idle)s::interval END
  FROM turn LEFT JOIN visitor ON true
  WHERE NOT EXISTS (
    SELECT FROM conversations_dialogue o
    WHERE o.conversation_id = turn.id AND o.is_open >= %(has_endpoints)s
      AND (o.assistant_id IS NOT NULL OR %(assistant)s::bigint IS NULL)
      AND (o.visitor_id IS NOT NULL OR visitor.id IS NULL))
  ON CONFLICT (conversation_id) DO UPDATE SET
    assistant_id = COALESCE(d.assistant_id, EXCLUDED.assistant_id),
    visitor_id = COALESCE(d.visitor_id, EXCLUDED.visitor_id),
    is_open = d.is_open OR EXCLUDED.is_open,
    look_at = CASE WHEN d.is_open THEN d.look_at ELSE EXCLUDED.look_at END
), """

ASSISTED = Whose(
    find=_FIND,
    refusals="WHEN NOT %(may_make)s AND NOT EXISTS (SELECT FROM known) THEN 'no_visitor' ",
    conversation="COALESCE((SELECT thread FROM known), %(conversation_id)s)",
    is_known=" AND (%(external_id)s::varchar IS NULL OR EXISTS (SELECT FROM known))",
    record=_RECORD + _SEEN + _OWN.replace("{visitor}", "visitor"),
    # Only a turn that is stored makes a visitor.
    record_unstored=_SEEN + _OWN.replace("{visitor}", "known"),
    columns=", COALESCE((SELECT thread FROM known), %(conversation_id)s) AS public_id,"
    " (SELECT id FROM made) AS new_visitor",
)
