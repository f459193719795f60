"""The rate limits of a key: runs, other requests and the bytes of both are counted."""

from django.conf import settings

from conversations import errors, rate_limits
from conversations.dialects import rate_headers
from conversations.loop_local import LoopLocal
from conversations.rate_limits import Allowance, Charge, Cost, Limiter
from conversations.values.callers import Caller

# Bytes are counted by the thousand: so a bucket's numbers stay whole, and far below what a double can no longer hold.
BYTES_STEP = 1_000
# A request that has a delivery sent, looks up a host or makes a secret counts as this many.
EXPENSIVE = 50

_limiter = LoopLocal(lambda: Limiter(rate_limits.connect(settings.REDIS_URL)))


async def count_run(caller: Caller, *, body_bytes: int, headers: dict[str, str]) -> None:
    """Counts a request for a run and its body, and adds to `headers` how many more the key may send.

    Raises RateLimited; a refused request is not counted.
    """
    cost = Cost("requests", 1, settings.REQUESTS_PER_MINUTE)
    allowance = await _take(Charge(caller.api_key_id, cost, _bytes(body_bytes)))
    if allowance is None:
        return
    if allowance.limit:
        headers |= rate_headers.of_requests(
            limit=allowance.limit, remaining=allowance.remaining, full_in=allowance.full_in
        )
    _refuse(allowance)


async def count_other(caller: Caller, *, amount: int, body_bytes: int) -> None:
    """Counts any other request as `amount` of them, and its body. Raises RateLimited."""
    cost = Cost("others", amount, settings.OTHER_REQUESTS_PER_MINUTE)
    if allowance := await _take(Charge(caller.api_key_id, cost, _bytes(body_bytes))):
        _refuse(allowance)


async def count_body(caller: Caller, *, body_bytes: int) -> None:
    """Counts a body of undeclared length once it was read; the key's next requests have that much less left."""
    nothing = Cost("others", 0, settings.OTHER_REQUESTS_PER_MINUTE)
    await _take(Charge(caller.api_key_id, nothing, _bytes(body_bytes), has_happened=True))


def _bytes(count: int) -> Cost:
    return Cost("kilobytes", -(-count // BYTES_STEP), -(-settings.BYTES_PER_MINUTE // BYTES_STEP))


async def _take(charge: Charge) -> Allowance | None:
    if not charge.cost.microseconds and not charge.other.microseconds:
        return None
    return await _limiter.get().take(charge)


def _refuse(allowance: Allowance) -> None:
    if allowance.retry_in:
        raise errors.RateLimited(retry_after=allowance.retry_in)
