"""One batch of one kind of old rows: a short transaction, found by an index."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from conversations.services import one_by_one
from conversations.services.retention.kinds import Kind

BATCH_ROWS = 1_000
# Rows that others have locked are left out; what this still waits for is a lock that only a moment can hold.
LIMITS = "SET LOCAL lock_timeout = '1s'"
# Foreign keys are checked at the end of a transaction. Here, so that a row that is refused is not counted as deleted.
CHECK = "SET CONSTRAINTS ALL IMMEDIATE"


@dataclass(frozen=True, slots=True)
class Batch:
    """`last`: where the next batch goes on, in the kind's order; None when no older rows follow."""

    deleted: int
    last: Any


def delete_next(kind: Kind, *, after: Any = None, most: int = BATCH_ROWS) -> Batch:
    """Deletes the oldest rows of the kind behind `after`, if they are old enough; a refused row keeps no other.

    `after` leads past rows that cannot go yet. Raises the error of an unreachable store.
    """
    rows = kind.rows.order_by(kind.order)
    if after is not None:
        rows = rows.filter(**{f"{kind.order}__gt": after})
    elif not any(is_old for _, _, is_old in _judged(kind, rows[:1])):
        # Most rounds end here, having read one row.
        return Batch(0, None)
    found = _judged(kind, rows[:most])
    deleted: list[int] = []

    def delete(pks: Collection[Any]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(LIMITS)
            count = kind.delete([*pks])
            cursor.execute(CHECK)
        deleted.append(count)

    one_by_one.bulk_or_halves(f"delete_{kind.name}", [pk for pk, _, is_old in found if is_old], delete)
    is_more = len(found) == most and found[-1][2]
    return Batch(sum(deleted), found[-1][1] if is_more else None)


def _judged(kind: Kind, rows: QuerySet[Any]) -> list[tuple[Any, Any, bool]]:
    """Of each row its key, its place in the order, and whether it is old enough by the database's clock."""
    is_old = Q(**{f"{kind.age}__lt": Now() - kind.keep})
    return list(rows.annotate(place=F(kind.order), is_old=is_old).values_list("pk", "place", "is_old"))
