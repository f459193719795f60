"""A visitor comes with a turn: found by the customer's id for it, or made, in the transaction that accepts the turn.

A turn locks its visitor so that nobody can delete or merge it meanwhile, but not against other turns.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.db.models.functions import Coalesce, Now

from conversations import ids
from conversations.models import Account, Visitor
from conversations.rules.conversations import visitor_fields
from conversations.services.accounts import quotas
from conversations.services.accounts.quotas import Quota
from conversations.stores import statements
from conversations.values.assistants import VisitorGiven
from conversations.values.callers import Caller

# One that another transaction has just made, or merged with another one, is found by the second look.
LOOKS = 3
ATTRIBUTES = "fielditem"

# `thread`: the conversation that is its memory with the assistant. A visitor that was deleted while this statement
# waited for its row is not there any more.
FIND = """
SELECT v.id, v.public_id,
       (v.last_seen_at > statement_timestamp() - interval '1 minute') IS NOT TRUE AS is_unseen,
       (SELECT c.public_id FROM conversations_dialogue d
        JOIN conversations_conversation c ON c.id = d.conversation_id AND c.account_id = d.account_id
        WHERE d.visitor_id = v.id AND d.assistant_id = %(assistant)s AND d.account_id = %(account_id)s AND d.is_thread
          AND c.deleted_at IS NULL) AS thread
FROM conversations_visitoridentity i JOIN conversations_visitor v ON v.id = i.visitor_id AND v.account_id = i.account_id
WHERE i.account_id = %(account_id)s AND i.external_id = %(external_id)s AND v.deleted_at IS NULL
FOR {lock} OF v
"""
FIND_ANY = FIND.format(lock="KEY SHARE")
# Against other turns as well.
FIND_ALONE = FIND.format(lock="NO KEY UPDATE")

# No row: another transaction has made it meanwhile. This one has waited for its end.
MAKE = """
WITH identity AS (
  INSERT INTO conversations_visitoridentity (account_id, external_id, visitor_id)
  VALUES (%(account_id)s, %(external_id)s, nextval('conversations_visitor_id_seq'))
  ON CONFLICT (account_id, external_id) DO NOTHING
  RETURNING visitor_id
)
INSERT INTO conversations_visitor (id, account_id, public_id, name, email, mobile, attributes, first_seen_at,
                                   last_seen_at)
SELECT visitor_id, %(account_id)s, %(public_id)s, %(name)s, %(email)s, %(mobile)s, %(attributes)s,
       CASE WHEN %(is_seen)s THEN statement_timestamp() END, CASE WHEN %(is_seen)s THEN statement_timestamp() END
FROM identity
RETURNING id, public_id
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """`thread`: the conversation that is its memory with the turn's assistant, "" when there is none yet."""

    pk: int
    public_id: str
    external_id: str
    thread: str = ""
    is_new: bool = False


def arrive(given: VisitorGiven, *, assistant: int | None, may_be_made: bool, caller: Caller) -> Arrival | None:
    """None for one that is not known and may not be made. To be called in a transaction.

    Raises InvalidRequest for attributes that are none, and QuotaExceeded for a new one beyond the account's number.
    """
    for _ in range(LOOKS):
        found = find(given, assistant=assistant, caller=caller)
        if found is not None or not may_be_made:
            return found
        if made := _make_new(given, caller=caller):
            return made
    raise LookupError("a visitor is neither there nor can it be made")


def find(given: VisitorGiven, *, assistant: int | None, caller: Caller, is_alone: bool = False) -> Arrival | None:
    """`is_alone`: no other turn of it is accepted until the transaction ends."""
    parameters = {"account_id": caller.account_id, "external_id": given.external_id, "assistant": assistant}
    row = statements.fetch_one_or_none(FIND_ALONE if is_alone else FIND_ANY, parameters)
    if row is None:
        return None
    if row["is_unseen"]:
        _see(row["id"], account_id=caller.account_id)
    return Arrival(row["id"], row["public_id"], given.external_id, row["thread"] or "")


def _see(visitor_id: int, *, account_id: int) -> None:
    """Unless another turn, which nobody should wait for, is about to say the same: some customers have one id for all
    their visitors.
    """
    own = Visitor.objects.for_account(account_id).filter(pk=visitor_id)
    free = own.select_for_update(no_key=True, skip_locked=True).values("pk")
    Visitor.objects.filter(pk__in=free).update(last_seen_at=Now(), first_seen_at=Coalesce("first_seen_at", Now()))


def _make_new(given: VisitorGiven, *, caller: Caller) -> Arrival | None:
    if not caller.may_make_visitors:
        raise quotas.exceeded(Account.objects.get(pk=caller.account_id), Quota.VISITORS)
    fields = visitor_fields.of_attributes(given.attributes, param=ATTRIBUTES)
    made = make(account_id=caller.account_id, external_id=given.external_id, fields=fields, is_seen=True)
    return Arrival(made["id"], made["public_id"], given.external_id, is_new=True) if made else None


def make(
    *, account_id: int, external_id: str, fields: visitor_fields.VisitorFields, is_seen: bool
) -> Mapping[str, Any] | None:
    """None when there is one with this id. Without one, ours is the customer's too."""
    public_id = ids.new_visitor_id()
    parameters = {
        "account_id": account_id,
        "external_id": external_id or ids.unprefixed(public_id),
        "public_id": public_id,
        "name": fields.name,
        "email": fields.email,
        "mobile": fields.mobile,
        "attributes": orjson.dumps(fields.attributes).decode(),
        "is_seen": is_seen,
    }
    return statements.fetch_one_or_none(MAKE, parameters)
