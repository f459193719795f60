"""Checks the URLs that customers give, so that no account waits for the resolvers of another.

An account has a bounded number of lookups at once; its others wait in a queue of its own. A URL with an address instead
of a name needs no lookup and is checked at once.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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

Check = Callable[[], CheckedUrl]


class LookupThreads:
    def __init__(
        self, *, threads: int = THREADS, per_account: int = PER_ACCOUNT, wait_seconds: float = WAIT_SECONDS
    ) -> None:
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="lookup")
        self._per_account = per_account
        self._wait_seconds = wait_seconds
        # By event loop and account. Each lives as long as a task holds it or waits for it.
        self._permits: WeakValueDictionary[tuple[asyncio.AbstractEventLoop, int], asyncio.Semaphore] = (
            WeakValueDictionary()
        )
        self._running: set[asyncio.Task[CheckedUrl]] = set()

    async def run(self, check: Check, *, account_id: int) -> CheckedUrl:
        """Raises RateLimited when the account's other lookups take too long, and what `check` raises."""
        loop = asyncio.get_running_loop()
        permits = self._permits.setdefault((loop, account_id), asyncio.Semaphore(self._per_account))
        try:
            async with asyncio.timeout(self._wait_seconds):
                await permits.acquire()
        except TimeoutError:
            raise errors.RateLimited(
                "Too many of your URLs' hosts are being looked up; try again later.", retry_after=self._wait_seconds
            ) from None
        task = loop.create_task(self._look_up(check, permits, account_id))
        self._running.add(task)
        task.add_done_callback(self._ended)
        # Shielded: for a caller that goes away the permit is released only once its thread is free again.
        return await asyncio.shield(task)

    async def _look_up(self, check: Check, permits: asyncio.Semaphore, account_id: int) -> CheckedUrl:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, partial(_check, check, account_id))
        finally:
            permits.release()

    def _ended(self, task: asyncio.Task[CheckedUrl]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # Retrieved, or asyncio would log the error of a lookup that nobody waits for any more.
            task.exception()


def _check(check: Check, account_id: int) -> CheckedUrl:
    with lookups.asked_for(account_id):
        return check()


_threads = LookupThreads()


async def checked(url: str, *, param: str, account_id: int) -> CheckedUrl:
    """The URL as it is stored. Raises InvalidRequest that names `param`, and RateLimited."""
    check = partial(guard.check_url, url, param=param, allow=settings.OUTBOUND_ALLOW)
    return await _threads.run(check, account_id=account_id) if guard.needs_lookup(url) else check()
