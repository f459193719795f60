"""Keyset pagination: a page of rows in the order of their keys, beginning behind the row that the last page ended with.

Unlike an offset it costs the same for every page, and shows no row twice when others are added meanwhile.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

from conversations import errors

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """`next_cursor` is the public id of the last row, or None when no rows follow it."""

    rows: list[Row]
    next_cursor: str | None


def keyset_page(
    rows: QuerySet[Row],
    *,
    owned: QuerySet[Row],
    cursor: str | None,
    limit: int,
    oldest_first: bool = False,
    parameter: str = "cursor",
    problem: str = "is not one of ours",
) -> Page[Row]:
    """At most `limit` of `rows`, the newest first, behind the row whose public id is `cursor`.

    `owned` are all rows of the account: `rows` may no longer have the cursor's, for example when its status changed.
    Raises InvalidRequest, with `problem` about `parameter`, when `cursor` is none of them.
    """
    if cursor is not None:
        key = owned.filter(public_id=cursor).values_list("pk", flat=True).first()
        if key is None:
            raise errors.InvalidRequest(f"{parameter} {problem}", param=parameter)
        rows = rows.filter(pk__gt=key) if oldest_first else rows.filter(pk__lt=key)
    # One more than asked for tells whether there is a next page.
    found = list(rows.order_by("pk" if oldest_first else "-pk")[: limit + 1])
    shown = found[:limit]
    return Page(shown, str(shown[-1].serializable_value("public_id")) if len(found) > limit else None)
