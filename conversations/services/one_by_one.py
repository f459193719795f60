"""Work on many rows, or in many steps, of which one may be bad: it is complained of once, and stops no other."""

from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar

import structlog
from django.db import DatabaseError, connection, transaction

from conversations import refusals
from conversations.refusals import Complaints

log = structlog.get_logger(__name__)

Item = TypeVar("Item")

complaints = Complaints()


def each(what: str, items: Iterable[Item], act: Callable[[Item], object], *, key: Callable[[Item], object]) -> None:
    """Does `act` with every item. `what` and the item's `key` are what the log says of one that fails.

    Raises what tells of a store that is away: the others would meet the same.
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
    """Inside a transaction, which goes on without what `act` writes when the database refuses that."""
    try:
        with transaction.atomic():
            act()
    except Exception as exc:
        if refusals.is_away(exc):
            raise
        complain(what, name, exc)


def goes_well(of: str, step: str, act: Callable[[], object]) -> bool:
    """Whether a step of what returns by the clock did. One that fails each round is one line, until it does again."""
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
    """One line, the first time: the database's code for what it refused, the trace of what went wrong here."""
    if not complaints.is_new((what, name)):
        return
    if isinstance(exc, DatabaseError):
        log.error("row_refused", step=what, row=name, **refusals.facts(exc))
    else:
        log.error("row_broke", step=what, row=name, exc_info=exc)


def in_one(what: str, pks: Collection[int], change: Callable[[Collection[int]], Any]) -> None:
    """Does `change` with all rows in one statement; with each by itself when one of them is refused."""
    if not pks:
        return
    try:
        with transaction.atomic():
            change(pks)
    except DatabaseError as exc:
        if refusals.is_away(exc):
            raise
        each(what, [[pk] for pk in pks], transaction.atomic(change), key=lambda alone: alone[0])
