"""How many bytes of request bodies this process holds at once, in all and for one account.

A body counts from its first byte until its run is stored. A declared length counts in full at once, so that a refused
upload is refused before it is sent and not when most of it has come.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.conf import settings

from conversations import errors

# A body of up to this size is parsed in the event loop: handing it to a thread would cost more.
SMALL_BYTES = 65_536
# One account may hold a quarter of the limit, and large bodies leave a quarter free, so that small ones always fit.
SHARES = 4
RETRY_AFTER_SECONDS = 1.0

ACCOUNT_IS_FULL = "Other requests of your account are being received. Send this one again in a moment."
PROCESS_IS_FULL = "The service is receiving as many requests as it can hold. Send this one again in a moment."


class BodyBudget:
    """`limit`: bytes of all bodies together; `largest`: bytes of the largest body that may come.

    Belongs to one event loop.
    """

    def __init__(self, *, limit: int, largest: int) -> None:
        self._account_limit = max(limit // SHARES, largest)
        self._limit = max(limit, self._account_limit + largest)
        self._held: Counter[int | None] = Counter()
        self.total = 0

    @contextmanager
    def reserve(self, account_id: int | None) -> Iterator["Reservation"]:
        """For one body; its bytes are released at the end. None: for all unauthenticated callers together."""
        reservation = Reservation(self, account_id)
        try:
            yield reservation
        finally:
            self._held[account_id] -= reservation.size
            if not self._held[account_id]:
                del self._held[account_id]
            self.total -= reservation.size

    def take(self, account_id: int | None, count: int, *, is_large: bool) -> None:
        """Raises RateLimited when the account holds as much as it may, or ServiceUnavailable when the process does."""
        fits_account = self._held[account_id] + count <= self._account_limit
        if not fits_account and account_id is not None:
            raise errors.RateLimited(ACCOUNT_IS_FULL, retry_after=RETRY_AFTER_SECONDS)
        if not fits_account or self.total + count > self._limit - (self._limit // SHARES if is_large else 0):
            raise errors.ServiceUnavailable(PROCESS_IS_FULL, retry_after=RETRY_AFTER_SECONDS)
        self._held[account_id] += count
        self.total += count


class Reservation:
    """`size`: the bytes of the budget that one body holds."""

    def __init__(self, budget: BodyBudget, account_id: int | None) -> None:
        self._budget = budget
        self._account_id = account_id
        self.size = 0

    def grow_to(self, size: int) -> None:
        """Raises as BodyBudget.take does."""
        if size > self.size:
            self._budget.take(self._account_id, size - self.size, is_large=size > SMALL_BYTES)
            self.size = size


@cache
def of_process() -> BodyBudget:
    return BodyBudget(limit=settings.MAX_BODIES_BYTES, largest=settings.MAX_BODY_BYTES)
