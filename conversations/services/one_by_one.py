"""Work on many rows, or in several steps: one that fails is logged once and does not stop the others."""

from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar

import structlog
from django.db import DatabaseError, connection, transaction

from conversations.stores import refusals
from conversations.stores.refusals import Complaints

log = structlog.get_logger(__name__)

Item = TypeVar("Item")

complaints = Complaints()


def each(what: str, items: Iterable[Item], act: Callable[[Item], object], *, key: Callable[[Item], object]) -> None:
    """Calls `act` with every item. `what` and the item's `key` name one that fails in the log.

    Raises the error of an unreachable store: all other items would fail with it too.
    """
    for item in items:
        name = str(key(item))
        try:
            act(item)
        except Exception as exc:
            if refusals.is_away(exc):
                raise
            complain(what, name, exc)
        else:
            complaints.over((what, name))


def if_possible(what: str, name: str, act: Callable[[], object]) -> None:
    """Calls `act` in a savepoint: when the database refuses its rows, the transaction goes on without them.

    Raises the error of an unreachable store.
    """
    try:
        with transaction.atomic():
            act()
    except Exception as exc:
        if refusals.is_away(exc):
            raise
        complain(what, name, exc)


def goes_well(of: str, step: str, act: Callable[[], object]) -> bool:
    """Whether a step of periodic work succeeded. A step that fails in every round is logged once, until it succeeds."""
    try:
        act()
    except Exception as exc:
        connection.close_if_unusable_or_obsolete()
        if not complaints.is_new((of, step)):
            return False
        if refusals.is_away(exc):
            log.warning("step_failed", of=of, step=step, error=type(exc).__name__)
        else:
            log.exception("step_broke", of=of, step=step)
        return False
    complaints.over((of, step))
    return True


def complain(what: str, name: str, exc: Exception) -> None:
    """Logs the first failure: SQLSTATE and constraint of a refused row, or the traceback of an error of ours."""
    if not complaints.is_new((what, name)):
        return
    if isinstance(exc, DatabaseError):
        log.error("row_refused", step=what, row=name, **refusals.facts(exc))
    else:
        log.error("row_broke", step=what, row=name, exc_info=exc)


def in_one(what: str, pks: Collection[int], change: Callable[[Collection[int]], Any]) -> None:
    """Calls `change` with all rows at once; when one of them is refused, with each row alone.

    Raises the error of an unreachable store.
    """
    if not pks:
        return
    try:
        with transaction.atomic():
            change(pks)
    except DatabaseError as exc:
        if refusals.is_away(exc):
            raise
        each(what, [[pk] for pk in pks], transaction.atomic(change), key=lambda alone: alone[0])
