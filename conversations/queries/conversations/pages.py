"""An account's conversations, the last active first, a page at a time.

When one was last active is in an index of its account: turns write it as they end. The conversations of a visitor, or
with an assistant, have no such index, and none is worth a write in every turn. They are read in blocks of a thousand,
the last begun first, and each block is sorted. So the list of whoever has no more is in the right order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F
from django.db.models.fields.tuple_lookups import Tuple, TupleLessThan

from conversations.models import Conversation
from conversations.queries.conversations import listed, positions
from conversations.queries.conversations.listed import Listed
from conversations.queries.conversations.positions import FIRST, Position
from conversations.queries.keyset import LOOKED_THROUGH

BLOCK = 1_000

# Both by hand because the ORM writes `= 7` for one account. PostgreSQL would drop it from the order, and then may read
# the conversations of all accounts by their time, expecting the account's own among them soon.
OF_ACCOUNT = """
SELECT c.id, c.updated_at, c.deleted_at IS NULL AND (c.archived_at IS NOT NULL) = %(is_archived)s AS is_shown
FROM conversations_conversation c
WHERE c.account_id = ANY(ARRAY[%(account)s]::bigint[]) AND (c.updated_at, c.id) < (%(at)s::timestamptz, %(key)s)
ORDER BY c.account_id, c.updated_at DESC, c.id DESC LIMIT %(looked_through)s
"""
SHOWN = f"SELECT id, updated_at FROM ({OF_ACCOUNT}) AS looked WHERE is_shown LIMIT %(most)s"  # noqa: S608 — constants
LAST_LOOKED_AT = f"SELECT id, updated_at FROM ({OF_ACCOUNT}) AS looked OFFSET %(looked_through)s - 1"  # noqa: S608 — constants
BEGUN = """
SELECT d.conversation_id FROM conversations_dialogue d
WHERE d.{column} = ANY(ARRAY[%(whose)s]::bigint[]) AND d.account_id = %(account)s AND d.conversation_id <= %(newest)s
ORDER BY d.{column}, d.conversation_id DESC LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """`visitors` are keys of visitors, and `assistant` is one of an assistant; None where anybody's is wanted."""

    account_id: int
    is_archived: bool = False
    visitors: Sequence[int] | None = None
    assistant: int | None = None


@dataclass(frozen=True, slots=True)
class ConversationPage:
    """There may be fewer rows than asked for, or none, although more follow."""

    rows: list[Listed]
    next_cursor: str | None


def page(wanted: Wanted, *, cursor: str | None, limit: int) -> ConversationPage:
    """Raises InvalidRequest for a cursor that is none of the account's."""
    position = FIRST if cursor is None else positions.load(cursor, account_id=wanted.account_id)
    is_anybodys = wanted.visitors is None and wanted.assistant is None
    found, following = (_of_account if is_anybodys else _of_whom)(wanted, position, limit)
    return ConversationPage(
        listed.load([key for key, _ in found], account_id=wanted.account_id),
        None if following is None else positions.dump(following),
    )


_Found = tuple[list[tuple[int, datetime]], Position | None]


def _of_account(wanted: Wanted, position: Position, limit: int) -> _Found:
    parameters = {
        "account": wanted.account_id,
        "is_archived": wanted.is_archived,
        "at": position.at,
        "key": position.key,
        "looked_through": LOOKED_THROUGH,
    }
    found = _rows(SHOWN, **parameters, most=limit + 1)
    if len(found) > limit:
        return found[:limit], _behind(found[limit - 1])
    last = _rows(LAST_LOOKED_AT, **parameters)
    return found, _behind(last[0]) if last else None


def _of_whom(wanted: Wanted, position: Position, limit: int) -> _Found:
    begun = _begun(wanted, newest=position.newest)
    block = begun[:BLOCK]
    own = Conversation.objects.for_account(wanted.account_id).filter(
        TupleLessThan(Tuple(F("updated_at"), F("pk")), (position.at, position.key)),
        pk__in=block,
        deleted_at=None,
        archived_at__isnull=not wanted.is_archived,
    )
    if wanted.assistant is not None:
        own = own.filter(dialogue__assistant=wanted.assistant)
    found = list(own.order_by("-updated_at", "-pk").values_list("pk", "updated_at")[: limit + 1])
    if len(found) > limit:
        return found[:limit], _behind(found[limit - 1], newest=block[0])
    return found, Position(newest=begun[BLOCK]) if len(begun) > BLOCK else None


def _begun(wanted: Wanted, *, newest: int) -> list[int]:
    """The block of conversations that begins with `newest`, and the first one of the next."""
    column = "assistant_id" if wanted.visitors is None else "visitor_id"
    whose = [wanted.assistant] if wanted.visitors is None else wanted.visitors
    # Of a visitor that is being merged there are two.
    begun = [
        key
        for one in whose
        for (key,) in _rows(
            BEGUN.format(column=column), whose=one, account=wanted.account_id, newest=newest, most=BLOCK + 1
        )
    ]
    return sorted(begun, reverse=True)[: BLOCK + 1]


def _behind(row: tuple[int, datetime], **more: int) -> Position:
    key, at = row
    return Position(at, key, **more)


def _rows(statement: str, **parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[Any] = cursor.fetchall()
        return found
