"""Whether the caller may ask now."""

import asyncio

from django.conf import settings

from conversations import errors, limiter
from conversations.dialects import rate_headers
from conversations.limiter import Limiter
from conversations.services.accounts import Caller

_limiters: dict[asyncio.AbstractEventLoop, Limiter] = {}


async def count(caller: Caller, *, headers: dict[str, str]) -> None:
    """Counts a request of the caller's key, and adds to `headers` what it may still do.

    Raises RateLimited; a request that is refused does not count.
    """
    if not settings.REQUESTS_PER_MINUTE:
        return
    loop = asyncio.get_running_loop()
    if loop not in _limiters:
        client = limiter.connect(settings.REDIS_URL)
        _limiters[loop] = Limiter(client, per_minute=settings.REQUESTS_PER_MINUTE)
    allowance = await _limiters[loop].take(caller.api_key_id)
    if allowance is None:
        return
    headers |= rate_headers.of_requests(limit=allowance.limit, remaining=allowance.remaining, full_in=allowance.full_in)
    if allowance.retry_in:
        raise errors.RateLimited(retry_after=allowance.retry_in)
