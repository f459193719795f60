"""How many threads one conversation and one account may hold at once, in statements that may wait for a lock.

A statement that waits for a conversation holds its thread. Eight of them would hold all threads, and no other request
would be served. So those beyond a share wait in the event loop, without a thread and without a connection.
"""

import asyncio
import threading
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from conversations import errors

# Of the eight threads, and fewer than there are connections where the database allows only few. A statement takes a
# millisecond or two, so even one account alone is not slowed by its share.
OF_ACCOUNT = min(4, settings.POOL_SIZES.web - 1)
OF_CONVERSATION = OF_ACCOUNT - 1
# Of one account, in the event loop. Their bodies are counted elsewhere (views/bodies/budget.py).
WAITING_MAX = 1_000
RETRY_AFTER_SECONDS = 1.0

LOCKED = "What the request needs is in use by another request. Nothing was stored; send this one again in a moment."


def locked() -> errors.ServiceUnavailable:
    """For a request that has waited too long for a conversation, or for the other requests of its account.

    Not a 409: every SDK repeats a 503 by itself after the time it names, and is told not to repeat our 409s.
    """
    return errors.ServiceUnavailable(LOCKED, retry_after=RETRY_AFTER_SECONDS)


@dataclass(frozen=True, slots=True)
class Share:
    """What a call holds a thread for. `conversation` is the id that the caller gave; "" when there is none."""

    account_id: int
    conversation: str


class ThreadShares:
    """Shares are taken in one event loop, and given back in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of_account: Counter[int] = Counter()
        self._of_conversation: Counter[Share] = Counter()
        self._waiting: dict[int, deque[tuple[Share, asyncio.Future[None]]]] = {}

    def try_take(self, share: Share) -> bool:
        with self._lock:
            return self._try_take(share)

    async def take(self, share: Share, *, seconds: float) -> None:
        """Waits for a share. Raises ServiceUnavailable when there is none within that time, or too many wait."""
        granted = self._queue(share)
        if granted is None:
            return
        try:
            async with asyncio.timeout(seconds):
                await granted
        except BaseException as exc:
            self._leave(share, granted)
            if isinstance(exc, TimeoutError):
                raise locked() from None
            raise

    def give_back(self, share: Share) -> None:
        """Hands the share to whoever of the account has waited longest and may go on now."""
        with self._lock:
            _count_down(self._of_account, share.account_id)
            if share.conversation:
                _count_down(self._of_conversation, share)
            waiter = self._next(share.account_id)
        if waiter is not None:
            # In a closed loop nobody waits any more.
            with suppress(RuntimeError):
                waiter[1].get_loop().call_soon_threadsafe(self._grant, *waiter)

    def _try_take(self, share: Share) -> bool:
        is_full = self._of_account[share.account_id] >= OF_ACCOUNT
        if is_full or (share.conversation and self._of_conversation[share] >= OF_CONVERSATION):
            return False
        self._of_account[share.account_id] += 1
        if share.conversation:
            self._of_conversation[share] += 1
        return True

    def _queue(self, share: Share) -> "asyncio.Future[None] | None":
        """None when the share was free after all: it was given back meanwhile."""
        with self._lock:
            if self._try_take(share):
                return None
            waiting = self._waiting.setdefault(share.account_id, deque())
            if len(waiting) >= WAITING_MAX:
                raise locked()
            granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiting.append((share, granted))
        return granted

    def _next(self, account_id: int) -> "tuple[Share, asyncio.Future[None]] | None":
        """Those whose conversation is still full are passed over, so that it does not hold up the account's others."""
        waiting = self._waiting.get(account_id, ())
        waiter = next((one for one in waiting if self._try_take(one[0])), None)
        if waiter is not None:
            self._remove(waiter)
        return waiter

    def _remove(self, waiter: "tuple[Share, asyncio.Future[None]]") -> None:
        waiting = self._waiting[waiter[0].account_id]
        waiting.remove(waiter)
        if not waiting:
            del self._waiting[waiter[0].account_id]

    def _grant(self, share: Share, granted: "asyncio.Future[None]") -> None:
        if granted.done():
            self.give_back(share)
        else:
            granted.set_result(None)

    def _leave(self, share: Share, granted: "asyncio.Future[None]") -> None:
        """The waiter is gone: its place in the queue, or the share that it was granted at the same moment."""
        with self._lock:
            is_queued = any(granted is future for _, future in self._waiting.get(share.account_id, ()))
            if is_queued:
                self._remove((share, granted))
        if not is_queued and granted.done() and not granted.cancelled():
            self.give_back(share)


def _count_down(counts: "Counter[Any]", key: Any) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
