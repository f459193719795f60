"""Calls of tools and servers that a request waits for: in threads of their own, a few for each account.

A tool may take as long as it likes. So nothing else of the web process uses these threads, and no account uses all.
"""

from collections.abc import Callable
from functools import cache
from typing import TypeVar

from django.conf import settings

from conversations.tools.callers import Callers
from conversations.views.http.customer_urls import AccountThreads

# They only wait, and cost little. Only when the tools of 32 accounts hang do others wait.
THREADS = 64
PER_ACCOUNT = 2
# For one of an account's places. A request that waits longer is refused.
WAIT_SECONDS = 5.0
# Less than a worker waits: somebody sits before it.
SECONDS = 30.0
RESULT_BYTES = 8_192
CROWDED = "Too many of your tools are being tried; try again later."

Result = TypeVar("Result")

_threads = AccountThreads(
    threads=THREADS, per_account=PER_ACCOUNT, wait_seconds=WAIT_SECONDS, crowded=CROWDED, name="tools"
)


@cache
def _callers() -> Callers:
    return Callers(allow=settings.OUTBOUND_ALLOW, at_once=THREADS)


async def run(ask: Callable[[Callers], Result], *, account_id: int) -> Result:
    """Raises RateLimited when the account's other calls take too long, and what `ask` raises."""
    return await _threads.run(lambda: ask(_callers()), account_id=account_id)
