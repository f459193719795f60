"""Whether the caller may ask now: questions, other requests and the bytes of both are counted for each key."""

from django.conf import settings

from conversations import errors, rate_limits
from conversations.dialects import rate_headers
from conversations.loop_local import LoopLocal
from conversations.rate_limits import Allowance, Limiter, Price, Purchase
from conversations.values.callers import Caller

# Bytes are counted by the thousand: a bucket's numbers stay whole and far from what a double cannot hold.
BYTES_STEP = 1_000
# What has a receiver called, a host looked up or a secret made counts as so many other requests.
DEAR = 50

_limiter = LoopLocal(lambda: Limiter(rate_limits.connect(settings.REDIS_URL)))


async def count_question(caller: Caller, *, body_bytes: int, headers: dict[str, str]) -> None:
    """Counts a question and its body, and adds to `headers` how many more the key may ask.

    Raises RateLimited; a request that is refused does not count.
    """
    price = Price("requests", 1, settings.REQUESTS_PER_MINUTE)
    allowance = await _take(Purchase(caller.api_key_id, price, _bytes(body_bytes)))
    if allowance is None:
        return
    if allowance.limit:
        headers |= rate_headers.of_requests(
            limit=allowance.limit, remaining=allowance.remaining, full_in=allowance.full_in
        )
    _refuse(allowance)


async def count_other(caller: Caller, *, amount: int, body_bytes: int) -> None:
    """Counts a request that asks no question, as `amount` of them, and its body. Raises RateLimited."""
    price = Price("others", amount, settings.OTHER_REQUESTS_PER_MINUTE)
    if allowance := await _take(Purchase(caller.api_key_id, price, _bytes(body_bytes))):
        _refuse(allowance)


async def count_read(caller: Caller, *, body_bytes: int) -> None:
    """Counts a body that had not said its length, once it was read: the key's next requests wait for it."""
    nothing = Price("others", 0, settings.OTHER_REQUESTS_PER_MINUTE)
    await _take(Purchase(caller.api_key_id, nothing, _bytes(body_bytes), has_happened=True))


def _bytes(count: int) -> Price:
    return Price("kilobytes", -(-count // BYTES_STEP), -(-settings.BYTES_PER_MINUTE // BYTES_STEP))


async def _take(purchase: Purchase) -> Allowance | None:
    if not purchase.price.microseconds and not purchase.other.microseconds:
        return None
    return await _limiter.get().take(purchase)


def _refuse(allowance: Allowance) -> None:
    if allowance.retry_in:
        raise errors.RateLimited(retry_after=allowance.retry_in)
