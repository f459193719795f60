"""A visitor before a turn of it is written: found by the customer's id for it, or made by hand.

Those that come with a turn are made by the statement that accepts it (`services/runs/sql/assisted.py`).
"""

from collections.abc import Mapping
from typing import Any

import orjson

from conversations import ids
from conversations.rules.conversations.visitor_fields import VisitorFields
from conversations.stores import statements
from conversations.values.assistants import VisitorGiven
from conversations.values.callers import Caller

# As START finds it. A visitor that was deleted while this statement waited for its row is not there any more.
THREAD = """
SELECT (SELECT c.public_id FROM conversations_conversation c
        WHERE (c.account_id = %(account_id)s) IS TRUE AND c.deleted_at IS NULL AND c.id = (
          SELECT d.conversation_id FROM conversations_dialogue d
          WHERE d.visitor_id = v.id AND d.assistant_id = %(assistant)s AND d.account_id = %(account_id)s
            AND d.is_thread)) AS thread
FROM conversations_visitor v
WHERE (v.account_id = %(account_id)s) IS TRUE AND v.deleted_at IS NULL AND v.id = (
  SELECT i.visitor_id FROM conversations_visitoridentity i
  WHERE i.account_id = %(account_id)s AND i.external_id = %(external_id)s)
FOR KEY SHARE OF v
"""

# No row: another transaction has made it meanwhile. This one has waited for its end.
MAKE = """
WITH identity AS (
  INSERT INTO conversations_visitoridentity (account_id, external_id, visitor_id)
  VALUES (%(account_id)s, %(external_id)s, nextval('conversations_visitor_id_seq'))
  ON CONFLICT (account_id, external_id) DO NOTHING
  RETURNING visitor_id
)
INSERT INTO conversations_visitor (id, account_id, public_id, name, email, mobile, attributes)
SELECT visitor_id, %(account_id)s, %(public_id)s, %(name)s, %(email)s, %(mobile)s, %(attributes)s
FROM identity
RETURNING id, public_id
"""


def thread_of(given: VisitorGiven, *, assistant: int, caller: Caller) -> str:
    """The conversation that is its memory with the assistant, "" where there is none. Locks it, as a turn does."""
    parameters = {"account_id": caller.account_id, "external_id": given.external_id, "assistant": assistant}
    row = statements.fetch_one_or_none(THREAD, parameters)
    return (row["thread"] or "") if row else ""


def make(*, account_id: int, external_id: str, fields: VisitorFields) -> Mapping[str, Any] | None:
    """Its keys; it has not asked anything. None when there is one with this id. Without an id of the customer's, ours
    is the customer's too.
    """
    public_id = ids.new_visitor_id()
    parameters = {
        "account_id": account_id,
        "external_id": external_id or ids.unprefixed(public_id),
        "public_id": public_id,
        "name": fields.name,
        "email": fields.email,
        "mobile": fields.mobile,
        "attributes": orjson.dumps(fields.attributes).decode(),
    }
    return statements.fetch_one_or_none(MAKE, parameters)
