"""How many answers a key waits for at once in this process: each costs memory and a connection while it lasts.

A visitor with client tokens waits for few. All visitors of an account together wait for as many as one key of it.
"""

from collections import Counter

from conversations import errors
from conversations.values.callers import Caller

RETRY_AFTER_SECONDS = 5.0
# One person, in several tabs.
MOST_OF_VISITOR = 10


class ReaderSlots:
    """Belongs to one event loop."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()

    def take(self, caller: Caller) -> None:
        """Raises RateLimited when the caller has no slot left."""
        limits = self._limits(caller)
        for name, most in limits.items():
            if self._taken[name] >= most:
                raise errors.RateLimited(
                    f"This key waits for {most} answers already; try again when it has one of them.",
                    retry_after=RETRY_AFTER_SECONDS,
                )
        self._taken.update(limits.keys())

    def give_back(self, caller: Caller) -> None:
        for name in self._limits(caller):
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]

    def _limits(self, caller: Caller) -> dict[str, int]:
        if not caller.visitor:
            return {caller.limited_as: self._most}
        return {caller.limited_as: min(MOST_OF_VISITOR, self._most), f"visitors of {caller.account_id}": self._most}
