"""What one batch of a step did, and how much a batch may do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from django.db.models import Model, QuerySet

from conversations.models import Erasure

# About 50 ms of a batch. Nobody waits for its locks: they are on rows of what nobody can reach any more.
ROWS = 1_000
RUNS = 250
# Beyond every key: where a step begins that goes from the newest row to the oldest.
NEWEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Batch:
    """`cursor`: where the step's next batch begins, None when the step is over. `erased`: rows by table.

    `runs` were passed through. `wait_seconds`: the next batch has to wait for others, as for runs that end.
    `restarts`: something came meanwhile, and the erasure begins anew. `is_alone`: its transaction does nothing more,
    because it has locked what turns wait for.
    """

    cursor: int | None = None
    erased: Mapping[str, int] = field(default_factory=dict)
    runs: int = 0
    wait_seconds: float = 0.0
    restarts: bool = False
    is_alone: bool = False

    @property
    def size(self) -> int:
        return sum(self.erased.values()) + self.runs


Step = Callable[[Erasure], Batch]


def next_keys(rows: QuerySet[Model], erasure: Erasure, *, column: str = "pk", most: int = ROWS) -> list[int]:
    """The next keys of the step, newest first.

    A cursor rather than "the first that are left": with an old snapshot open, rows that were deleted are read again by
    every batch.
    """
    until = NEWEST if erasure.cursor is None else erasure.cursor
    found = rows.filter(**{f"{column}__lt": until}).order_by(f"-{column}").values_list(column, flat=True)
    return list(found[:most])


def following(keys: list[int], *, most: int = ROWS) -> int | None:
    """The cursor behind these keys; None when they were the last."""
    return keys[-1] if len(keys) == most else None
