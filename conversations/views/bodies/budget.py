"""How many bytes of request bodies this process holds at once, in all and for one account.

A body counts from its first byte until its turn is stored. Where its length was declared it counts whole at once, so
that an upload is refused before it is sent and not when it is nearly there.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.conf import settings

from conversations import errors

# Up to here a body is small: it is worked on in the event loop, since a thread would cost more than it.
SMALL_BYTES = 65_536
# What one account may hold of all the room, and what no large body may take, so that small ones always get in.
SHARES = 4
RETRY_AFTER_SECONDS = 1.0

OWN = "Other requests of your account are being received. Send this one again in a moment."
ALL = "The service is receiving as many requests as it can hold. Send this one again in a moment."


class BodyBudget:
    """`limit` and `largest` are bytes: of all bodies together, and of the largest that may come. One event loop's."""

    def __init__(self, *, limit: int, largest: int) -> None:
        self._share = max(limit // SHARES, largest)
        self._limit = max(limit, self._share + largest)
        self._held: Counter[int | None] = Counter()
        self.total = 0

    @contextmanager
    def share(self, account_id: int | None) -> Iterator["Share"]:
        """Room for one body of the account, given back in the end; None: of those who have not said who they are."""
        share = Share(self, account_id)
        try:
            yield share
        finally:
            self._held[account_id] -= share.size
            if not self._held[account_id]:
                del self._held[account_id]
            self.total -= share.size

    def take(self, account_id: int | None, count: int, *, is_large: bool) -> None:
        """Raises RateLimited when the account holds its share already, or ServiceUnavailable."""
        has_share = self._held[account_id] + count <= self._share
        if not has_share and account_id is not None:
            raise errors.RateLimited(OWN, retry_after=RETRY_AFTER_SECONDS)
        if not has_share or self.total + count > self._limit - (self._limit // SHARES if is_large else 0):
            raise errors.ServiceUnavailable(ALL, retry_after=RETRY_AFTER_SECONDS)
        self._held[account_id] += count
        self.total += count


class Share:
    """`size`: the bytes that one body holds of the budget."""

    def __init__(self, budget: BodyBudget, account_id: int | None) -> None:
        self._budget = budget
        self._account_id = account_id
        self.size = 0

    def grow_to(self, size: int) -> None:
        """Raises as BodyBudget.take."""
        if size > self.size:
            self._budget.take(self._account_id, size - self.size, is_large=size > SMALL_BYTES)
            self.size = size


@cache
def of_process() -> BodyBudget:
    return BodyBudget(limit=settings.MAX_BODIES_BYTES, largest=settings.MAX_BODY_BYTES)
