"""Keyset pagination: a page of rows in the order of their keys, beginning behind the row that the last page ended with.

Unlike an offset it costs the same for every page, and shows no row twice when others are added meanwhile.

The order and its ends are written as comparisons of pairs, `(account_id, id) > (7, 41)`, although the account is given.
PostgreSQL drops a column that equals a constant from the order, and then may read the rows of all accounts in the order
of `id`, expecting the account's own among them soon. An account whose rows are all late, or all early, made it read the
whole table.
"""

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from django.db.models import F, Model, Q, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan

from conversations import errors

Row = TypeVar("Row", bound=Model)

# How many rows a page with a filter looks through; about 10 ms. What matches may lie any number of rows apart.
LOOKED_THROUGH = 10_000
# Before the first key, and behind the last. No row has either.
NO_KEY, LAST_KEY = 0, 2**63 - 1
Ends = tuple[int, int]
ENDS: Ends = (NO_KEY, LAST_KEY)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """`next_cursor` is the public id of the row behind which the next page begins, or None when no rows follow.

    With a filter there may be fewer rows than asked for, or none, although more follow.
    """

    rows: list[Row]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Within:
    """What all rows of a page have in common: the conversation, the endpoint, a rare status.

    There is an index on `column` (or on the account and `column`) and the id. `condition` is that index's, if any.
    """

    column: str
    value: int | str
    condition: Q = field(default_factory=Q)


def keyset_page(
    rows: QuerySet[Row],
    *,
    account_id: int,
    cursor: str | None,
    limit: int,
    within: Within | None = None,
    between: Ends = ENDS,
    is_filtered: bool = False,
    oldest_first: bool = False,
    parameter: str = "cursor",
    problem: str = "is not one of ours",
) -> Page[Row]:
    """At most `limit` of those of `rows` that are the account's, the newest first, behind the row with the id `cursor`.

    `between`: two keys that all rows lie between (queries/moments.py).
    `is_filtered`: some rows of the account, or of what the page is `within`, are not in `rows`. The cursor's row need
    not be: its status may have changed. Raises InvalidRequest, with `problem` about `parameter`, when `cursor` is no
    row of the account.
    """
    owned: QuerySet[Row] = rows.model._default_manager.filter(account=account_id)
    key = None if cursor is None else key_of(owned, cursor=cursor, parameter=parameter, problem=problem)
    keys = _Keys(account_id, within, between, after=key, oldest_first=oldest_first)
    last = _last_looked_through(owned, keys) if is_filtered else None
    # One more than asked for tells whether there is a next page. Only these are joined with what is shown of them:
    # otherwise PostgreSQL may join all that follow and sort them, when the other tables seem small.
    shown = keys.narrow(rows, last=last).values("pk")[: limit + 1]
    found = list(rows.filter(pk__in=shown).order_by("pk" if oldest_first else "-pk"))
    if len(found) > limit or last is None:
        return page_of(found, limit=limit)
    return Page(found, owned.values_list("public_id", flat=True).get(pk=last))


def key_of(owned: QuerySet[Any], *, cursor: str, parameter: str, problem: str) -> int:
    """Raises InvalidRequest when none of `owned` has this public id."""
    key = find_key(owned, cursor)
    if key == NO_KEY:
        raise errors.InvalidRequest(f"{parameter} {problem}", param=parameter)
    return key


def find_key(owned: QuerySet[Any], public_id: str) -> int:
    """NO_KEY when none of `owned` has this public id."""
    return int(owned.filter(public_id=public_id).values_list("pk", flat=True).first() or NO_KEY)


def page_of(found: list[Row], *, limit: int) -> Page[Row]:
    """Of rows of which one more than `limit` was asked for."""
    shown = found[:limit]
    return Page(shown, str(shown[-1].serializable_value("public_id")) if len(found) > limit else None)


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys of an account, or of what is `within` it, that follow `after`."""

    account_id: int
    within: Within | None
    between: Ends
    after: int | None
    oldest_first: bool

    def narrow(self, rows: QuerySet[Row], *, last: int | None = None) -> QuerySet[Row]:
        """`rows` in the order of their keys, to the key `last` and no further."""
        lower, upper = self.between
        if self.oldest_first:
            lower, upper = max(lower, self.after or NO_KEY), upper if last is None else last + 1
        else:
            lower, upper = lower if last is None else last - 1, min(upper, self.after or LAST_KEY)
        by = "pk" if self.oldest_first else "-pk"
        if self.within is None:
            pair = Tuple(F("account"), F("pk"))
            ends = (TupleGreaterThan(pair, (self.account_id, lower)), TupleLessThan(pair, (self.account_id, upper)))
            return rows.filter(*ends).order_by("account" if self.oldest_first else "-account", by)
        # As two comparisons, for the reason above.
        column, value = self.within.column, self.within.value
        own = rows.filter(self.within.condition, account=self.account_id, pk__gt=lower, pk__lt=upper)
        return own.filter(**{f"{column}__gte": value, f"{column}__lte": value}).order_by(column, by)


def _last_looked_through(owned: QuerySet[Any], keys: _Keys) -> int | None:
    """The key at which a filtered page ends; None when fewer than LOOKED_THROUGH are left."""
    pks: QuerySet[Any, int] = keys.narrow(owned).values_list("pk", flat=True)
    return next(iter(pks[LOOKED_THROUGH - 1 : LOOKED_THROUGH]), None)
