"""How many answers a key waits for at once in this process: each costs memory and a connection while it lasts."""

from collections import Counter

from conversations import errors

RETRY_AFTER_SECONDS = 5.0


class ReaderSlots:
    """Belongs to one event loop."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._taken: Counter[int] = Counter()

    def take(self, api_key_id: int) -> None:
        """Raises RateLimited when the key has no slot left."""
        if self._taken[api_key_id] >= self._most:
            raise errors.RateLimited(
                f"This key waits for {self._most} answers already; try again when it has one of them.",
                retry_after=RETRY_AFTER_SECONDS,
            )
        self._taken[api_key_id] += 1

    def give_back(self, api_key_id: int) -> None:
        self._taken[api_key_id] -= 1
        if not self._taken[api_key_id]:
            del self._taken[api_key_id]
