"""Where a page of conversations begins, as a cursor says it. Rows are named by their public ids.

It says when the row before was last active: that row itself may have moved to the front meanwhile.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from conversations.errors import InvalidRequest
from conversations.models import Conversation
from conversations.queries.keyset import LAST_KEY, NO_KEY, find_key

# Of two ids, each of 128 characters that may have four bytes.
CURSOR_MAX_CHARS = 2_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
PARTS = 3


@dataclass(frozen=True, slots=True)
class Position:
    """Behind the row with this key, which was active `at` then. `newest` is where its block begins (`pages.py`)."""

    at: datetime = LATEST
    key: int = LAST_KEY
    newest: int = LAST_KEY


FIRST = Position()


def dump(position: Position) -> str:
    keys = [key for key in (position.key, position.newest) if key != LAST_KEY]
    names = dict(Conversation.objects.filter(pk__in=keys).values_list("pk", "public_id"))
    at = None if position.at == LATEST else (position.at - EPOCH) // MICROSECOND
    values = [at, names.get(position.key, ""), names.get(position.newest, "")]
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def load(cursor: str, *, account_id: int) -> Position:
    """Raises InvalidRequest."""
    try:
        if len(cursor) > CURSOR_MAX_CHARS:
            raise ValueError(cursor)
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != PARTS:
            raise ValueError(cursor)
        at, key, newest = values
        return Position(_moment(at), _key(key, account_id), _key(newest, account_id))
    except (ValueError, OverflowError, binascii.Error) as exc:
        raise InvalidRequest("cursor is not one of ours", param="cursor") from exc


def _moment(given: Any) -> datetime:
    """Raises ValueError and OverflowError."""
    if given is None:
        return LATEST
    if not isinstance(given, int) or isinstance(given, bool) or given < 0:
        raise ValueError(given)
    return EPOCH + given * MICROSECOND


def _key(given: Any, account_id: int) -> int:
    """Raises ValueError for what is no conversation of the account."""
    if given == "":
        return LAST_KEY
    if not isinstance(given, str) or "\x00" in given:
        raise ValueError(given)
    key = find_key(Conversation.objects.for_account(account_id), given)
    if key == NO_KEY:
        raise ValueError(given)
    return key
