"""Work on many rows, or in several steps: one that fails is logged once and does not stop the others.

| function | for | a store that is away |
|---|---|---|
| `each` | rows that are worked on one after the other | raises |
| `bulk_or_halves` | rows that one statement changes, all but those that are refused | raises |
| `try_in_savepoint` | a part of a transaction that may be left out | raises |
| `try_step` | a step of work that comes again every few seconds | is logged as any other failure |
| `log_once` | a caller that catches the exception itself | (nothing is asked) |

A failure that comes again is logged when it is first seen, and again only after a success in between.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar

import structlog
from django.db import DatabaseError, connection, transaction

from conversations.stores import refusals
from conversations.stores.refusals import KnownFailures

log = structlog.get_logger(__name__)

Item = TypeVar("Item")

known_failures = KnownFailures()


def each(step: str, items: Iterable[Item], act: Callable[[Item], object], *, key: Callable[[Item], object]) -> None:
    """Calls `act` with every item. `step` and the item's `key` name one that fails in the log.

    Raises the error of an unreachable store: all other items would fail with it too.
    """
    for item in items:
        row = str(key(item))
        try:
            act(item)
        except Exception as exc:
            if refusals.is_away(exc):
                raise
            log_once(step, row, exc)
        else:
            known_failures.resolve((step, row))


def bulk_or_halves(step: str, pks: Collection[int], change: Callable[[Collection[int]], Any]) -> None:
    """Calls `change` with all rows at once. When one of them is refused, with each half of them, until it is alone.

    Of a thousand rows one that is refused costs about twenty transactions; with each row by itself it would be as many
    as there are rows, at every round until somebody mends it. Raises the error of an unreachable store.
    """
    rows = list(pks)
    if len(rows) <= 1:
        each(step, rows, lambda row: transaction.atomic(change)([row]), key=lambda row: row)
        return
    try:
        with transaction.atomic():
            change(rows)
    except DatabaseError as exc:
        if refusals.is_away(exc):
            raise
        middle = len(rows) // 2
        bulk_or_halves(step, rows[:middle], change)
        bulk_or_halves(step, rows[middle:], change)


def try_in_savepoint(step: str, row: str, act: Callable[[], object]) -> None:
    """Calls `act` in a savepoint: when the database refuses its rows, the transaction goes on without them.

    Raises the error of an unreachable store.
    """
    try:
        with transaction.atomic():
            act()
    except Exception as exc:
        if refusals.is_away(exc):
            raise
        log_once(step, row, exc)


def try_step(of: str, step: str, act: Callable[[], object]) -> bool:
    """Whether a step of periodic work succeeded. Raises nothing; `of` names the work in the log."""
    try:
        act()
    except Exception as exc:
        connection.close_if_unusable_or_obsolete()
        if not known_failures.is_new((of, step)):
            return False
        if refusals.is_away(exc):
            log.warning("step_failed", of=of, step=step, error=type(exc).__name__)
        else:
            log.exception("step_broke", of=of, step=step)
        return False
    known_failures.resolve((of, step))
    return True


def log_once(step: str, row: str, exc: Exception) -> None:
    """Logs the first failure: SQLSTATE and constraint of a refused row, or the traceback of an error of ours.

    A store that is away is only a warning: nothing is wrong with the row.
    """
    if not known_failures.is_new((step, row)):
        return
    if refusals.is_away(exc):
        log.warning("step_failed", of=step, step=row, **refusals.facts(exc))
    elif isinstance(exc, DatabaseError):
        log.error("row_refused", step=step, row=row, **refusals.facts(exc))
    else:
        log.error("row_broke", step=step, row=row, exc_info=exc)
