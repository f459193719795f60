"""The order of groups of usage, and the cursor that says behind which of them a page begins.

A group is a tuple of its values in the order of GROUPS: keys of rows, days and models. In a cursor the rows are named
by their public ids. A cursor may be the beginning of a group: then all groups that begin so are before the page.
"""

import base64
import binascii
import operator
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import orjson
from django.db.models import F, Q
from django.db.models.expressions import OrderBy

from conversations import errors
from conversations.models import ApiKey, Conversation
from conversations.queries.keyset import NO_KEY, find_key
from conversations.values.usage import UsageLine

Group = tuple[Any, ...]

CURSOR_MAX_CHARS = 4_000
COLUMNS = {"conversation": "conversation_id", "day": "day", "model": "sorted_model", "key": "api_key_key"}
NEWEST_FIRST = frozenset({"conversation", "day"})
_OF_LINE: dict[str, Callable[[UsageLine], Any]] = {
    "conversation": operator.attrgetter("conversation_id"),
    "day": operator.attrgetter("day"),
    "model": operator.attrgetter("model"),
    "key": operator.attrgetter("api_key_key"),
}


def group_of(line: UsageLine, groups: Sequence[str]) -> Group:
    return tuple(_OF_LINE[group](line) for group in groups)


def order(groups: Sequence[str], group: Group) -> Group:
    """What Python sorts groups by."""
    return tuple(_rank(name, value) for name, value in zip(groups, group, strict=False))


def is_behind(groups: Sequence[str], group: Group, after: Group) -> bool:
    return order(groups, group)[: len(after)] > order(groups, after)


def ordering(groups: Sequence[str]) -> list[OrderBy]:
    """What the database sorts groups by."""
    return [F(COLUMNS[name]).desc() if name in NEWEST_FIRST else F(COLUMNS[name]).asc() for name in groups]


def behind(groups: Sequence[str], after: Group) -> Q:
    """The rows of groups behind this one."""
    first = groups[0]
    found, equal = Q(), Q()
    for name, value in zip(groups, after, strict=False):
        column = COLUMNS[name]
        beyond = Q(**{f"{column}__{'lt' if name in NEWEST_FIRST else 'gt'}": value})
        found |= equal & beyond
        equal &= Q(**{column: value})
    # Implied by the rest, but only this is a range of an index.
    bound = "lte" if first in NEWEST_FIRST else "gte"
    return Q(**{f"{COLUMNS[first]}__{bound}": after[0]}) & found


def dump(groups: Sequence[str], group: Group) -> str:
    values = [_shown(name, value) for name, value in zip(groups, group, strict=False)]
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def load(cursor: str, groups: Sequence[str], *, account_id: int) -> Group:
    """Raises InvalidRequest for a cursor that no page of such a query has given."""
    try:
        if len(cursor) > CURSOR_MAX_CHARS:
            raise ValueError(cursor)
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or not 0 < len(values) <= len(groups):
            raise ValueError(cursor)
        return tuple(_loaded(name, value, account_id) for name, value in zip(groups, values, strict=False))
    except (ValueError, TypeError, binascii.Error) as exc:
        raise errors.InvalidRequest("cursor is not one of ours", param="cursor") from exc


def _rank(name: str, value: Any) -> Any:
    if name == "day":
        return -value.toordinal()
    return -value if name == "conversation" else value


def _shown(name: str, value: Any) -> Any:
    if name == "day":
        return value.isoformat()
    if name == "model":
        return value
    model: Any = Conversation if name == "conversation" else ApiKey
    return model.objects.filter(pk=value).values_list("public_id", flat=True).first()


def _loaded(name: str, value: Any, account_id: int) -> Any:
    """Raises ValueError and TypeError."""
    if name == "key" and value is None:
        return 0
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError(value)
    if name == "day":
        return date.fromisoformat(value)
    if name == "model":
        return value
    model: Any = Conversation if name == "conversation" else ApiKey
    key = find_key(model.objects.for_account(account_id), value)
    if key == NO_KEY:
        raise ValueError(value)
    return key
