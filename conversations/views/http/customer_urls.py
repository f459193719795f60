"""Checks the URLs that customers give, so that no account waits for the resolvers of another.

An account has a bounded number of lookups at once; its others wait in a queue of its own. A URL with an address instead
of a name needs no lookup and is checked at once.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from django.conf import settings

from conversations import errors
from conversations.outbound import guard, lookups
from conversations.outbound.guard import CheckedUrl

# These threads only wait, and cost little. Only when the names of eight accounts hang do others wait, for at most 5 s.
THREADS = 64
PER_ACCOUNT = 8
# As long as a lookup may take. A request that waits longer for its turn is refused.
WAIT_SECONDS = 5.0

CROWDED = "Too many of your URLs' hosts are being looked up; try again later."

Result = TypeVar("Result")


class AccountThreads:
    """Threads that wait for what an account's URLs lead to. `crowded` is what one that uses its share is told."""

    def __init__(
        self,
        *,
        threads: int = THREADS,
        per_account: int = PER_ACCOUNT,
        wait_seconds: float = WAIT_SECONDS,
        crowded: str = CROWDED,
        name: str = "lookup",
    ) -> None:
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix=name)
        self._per_account = per_account
        self._wait_seconds = wait_seconds
        self._crowded = crowded
        # By event loop and account. Each lives as long as a task holds it or waits for it.
        self._permits: WeakValueDictionary[tuple[asyncio.AbstractEventLoop, int], asyncio.Semaphore] = (
            WeakValueDictionary()
        )
        self._running: set[asyncio.Task[Any]] = set()

    async def run(self, wait: Callable[[], Result], *, account_id: int) -> Result:
        """Raises RateLimited when the account's others take too long, and what `wait` raises."""
        loop = asyncio.get_running_loop()
        permits = self._permits.setdefault((loop, account_id), asyncio.Semaphore(self._per_account))
        try:
            async with asyncio.timeout(self._wait_seconds):
                await permits.acquire()
        except TimeoutError:
            raise errors.RateLimited(self._crowded, retry_after=self._wait_seconds) from None
        task = loop.create_task(self._in_thread(wait, permits, account_id))
        self._running.add(task)
        task.add_done_callback(self._ended)
        # Shielded: for a caller that goes away the permit is released only once its thread is free again.
        return await asyncio.shield(task)

    async def _in_thread(self, wait: Callable[[], Result], permits: asyncio.Semaphore, account_id: int) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, partial(_as, account_id, wait))
        finally:
            permits.release()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # Retrieved, or asyncio would log the error of one that nobody waits for any more.
            task.exception()


def _as(account_id: int, wait: Callable[[], Result]) -> Result:
    with lookups.asked_for(account_id):
        return wait()


_threads = AccountThreads()


async def checked(url: str, *, param: str, account_id: int) -> CheckedUrl:
    """The URL as it is stored. Raises InvalidRequest that names `param`, and RateLimited."""
    check = partial(guard.check_url, url, param=param, allow=settings.OUTBOUND_ALLOW)
    return await _threads.run(check, account_id=account_id) if guard.needs_lookup(url) else check()
