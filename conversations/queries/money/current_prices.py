"""The price book of this process: all prices, looked at again every two seconds and read again when they changed.

A run costs no query for it. Any thread may ask.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from conversations import errors
from conversations.queries.money import prices
from conversations.queries.money.prices import TableState
from conversations.rules.prices.price_book import PriceBook

# After this time one caller looks whether there are other prices, while the others go on with those that are known.
FRESH_SECONDS = 2.0
# After this time all callers wait for the look: a price holds everywhere within 5 s.
GOOD_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class _Known:
    book: PriceBook
    currency: str
    state: TableState
    looked_at: float


class CurrentPrices:
    """`clock` is in seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: _Known | None = None
        self._looking = Lock()

    def book(self) -> PriceBook:
        """Raises ServiceUnavailable when the database is away and nothing fresh is known.

        Not to be called in a transaction that has to go on after such an error.
        """
        known = self._known
        age = GOOD_SECONDS if known is None else self._clock() - known.looked_at
        if known is not None and age < FRESH_SECONDS:
            return known.book
        is_good = age < GOOD_SECONDS
        if not self._looking.acquire(blocking=not is_good, timeout=-1 if is_good else settings.DATABASE_TIMEOUT):
            if known is not None and is_good:
                return known.book
            raise errors.ServiceUnavailable
        try:
            return self._look(is_awaited=not is_good)
        finally:
            self._looking.release()

    def _look(self, *, is_awaited: bool) -> PriceBook:
        began = self._clock()
        known = self._known
        # Another thread has looked while this one waited.
        if known is not None and began - known.looked_at < FRESH_SECONDS:
            return known.book
        try:
            self._known = self._read(known, began)
        except (DatabaseError, InterfaceError) as exc:
            if known is not None and not is_awaited:
                return known.book
            raise errors.ServiceUnavailable from exc
        return self._known.book

    def _read(self, known: _Known | None, began: float) -> _Known:
        currency = settings.CURRENCY
        # The state first: what changes after it is seen at the next look.
        state = prices.state(currency=currency)
        if known is not None and (known.state, known.currency) == (state, currency):
            return _Known(known.book, currency, state, began)
        return _Known(PriceBook(prices.rows(currency=currency)), currency, state, began)


_current = CurrentPrices()


def book() -> PriceBook:
    """The prices of this process. Raises ServiceUnavailable."""
    return _current.book()


def forget() -> None:
    """The next look reads all prices: for whoever has just written some, and does not want to wait two seconds."""
    global _current  # noqa: PLW0603 — one per process is what it is
    _current = CurrentPrices()
