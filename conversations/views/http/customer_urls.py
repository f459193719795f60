"""The check of URLs that customers give, without waiting for one another's resolvers.

An account has so many lookups at once, and the rest of its own wait in its own line. An address is judged at once.
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

# They wait, and cost little. It takes eight accounts whose names hang to make others wait, for 5 s at most each.
THREADS = 64
PER_ACCOUNT = 8
# As long as a lookup may take; who waits longer is told to come back.
WAIT_SECONDS = 5.0

Check = Callable[[], CheckedUrl]


class LookupThreads:
    def __init__(
        self, *, threads: int = THREADS, per_account: int = PER_ACCOUNT, wait_seconds: float = WAIT_SECONDS
    ) -> None:
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="lookup")
        self._per_account = per_account
        self._wait_seconds = wait_seconds
        # Each lives as long as somebody holds it or waits for it.
        self._turns: WeakValueDictionary[tuple[asyncio.AbstractEventLoop, int], asyncio.Semaphore] = (
            WeakValueDictionary()
        )
        self._under_way: set[asyncio.Task[CheckedUrl]] = set()

    async def run(self, check: Check, *, account_id: int) -> CheckedUrl:
        """Raises RateLimited when the account's other lookups take too long, and what `check` raises."""
        loop = asyncio.get_running_loop()
        turn = self._turns.setdefault((loop, account_id), asyncio.Semaphore(self._per_account))
        try:
            async with asyncio.timeout(self._wait_seconds):
                await turn.acquire()
        except TimeoutError:
            raise errors.RateLimited(
                "Too many of your URLs' hosts are being looked up; try again later.", retry_after=self._wait_seconds
            ) from None
        task = loop.create_task(self._look_up(check, turn, account_id))
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        # Whoever leaves does not get the place back before the thread is free again.
        return await asyncio.shield(task)

    async def _look_up(self, check: Check, turn: asyncio.Semaphore, account_id: int) -> CheckedUrl:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, partial(_check, check, account_id))
        finally:
            turn.release()

    def _ended(self, task: asyncio.Task[CheckedUrl]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # taken note of, also when nobody waits for it any longer


def _check(check: Check, account_id: int) -> CheckedUrl:
    with lookups.asked_for(account_id):
        return check()


_threads = LookupThreads()


async def checked(url: str, *, param: str, account_id: int) -> CheckedUrl:
    """The URL as it is stored. Raises InvalidRequest that names `param`, and RateLimited."""
    check = partial(guard.check_url, url, param=param, allow=settings.OUTBOUND_ALLOW)
    return await _threads.run(check, account_id=account_id) if guard.needs_lookup(url) else check()
