"""Who calls: the API key of a request, looked up in the database every few seconds per process.

Only the database can tell a valid key from an invented one. So a key that was valid before is looked up at once, and
answered from memory meanwhile; all unknown keys share two look-ups at a time, and a short queue for them. Those of an
address that has sent many wrong ones are looked up slowly (`guesses`).
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest

from conversations import errors
from conversations.loop_local import LoopLocal
from conversations.rules import api_keys
from conversations.services.accounts import api_keys as api_key_services
from conversations.values.callers import Caller
from conversations.views.http import threadpool
from conversations.views.http.bulkhead import Bulkhead
from conversations.views.http.guesses import Guesses

# After this time a key is looked up again, while requests are still answered from memory.
FRESH_SECONDS = 2.0
# After this time requests wait for the look-up: a revoked key stops working everywhere within 5 s.
GOOD_SECONDS = 4.0
KNOWN_KEYS_MAX = 10_000
# Two of the eight threads that all services share; a look-up takes about a millisecond.
UNKNOWN_KEYS_CONCURRENT = 2
UNKNOWN_KEYS_QUEUED = 100


@dataclass(frozen=True, slots=True)
class KnownKey:
    caller: Caller
    looked_up_at: float


class KnownKeys:
    """The valid keys that this process remembers. `clock` is in seconds. Belongs to one event loop."""

    def __init__(
        self,
        look_up: Callable[..., Caller] = api_key_services.authenticate,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_up_now = look_up
        self._clock = clock
        self._known: dict[bytes, KnownKey] = {}
        self._looking: dict[bytes, asyncio.Task[Caller]] = {}
        self._guesses = Guesses(clock=clock)
        self._unknown_keys = Bulkhead(max_concurrent=UNKNOWN_KEYS_CONCURRENT, max_queued=UNKNOWN_KEYS_QUEUED)

    async def caller(self, secret: str, *, address: str = "") -> Caller:
        """Raises InvalidKey, KeyExpired, AccountDisabled or ServiceUnavailable."""
        digest = api_keys.hash_key(secret)
        known = self._known.get(digest)
        age = self._clock() - known.looked_up_at if known else GOOD_SECONDS
        if known and age < FRESH_SECONDS:
            return known.caller
        looking = self._looking.get(digest) or self._begin_look_up(
            digest, secret, is_known=known is not None, address=address
        )
        if known and age < GOOD_SECONDS:
            return known.caller
        # Shielded: a caller that goes away does not cancel the look-up that others wait for.
        return await asyncio.shield(looking)

    def _begin_look_up(self, digest: bytes, secret: str, *, is_known: bool, address: str) -> asyncio.Task[Caller]:
        """One look-up for all requests with this key until it ends."""
        looking = asyncio.create_task(self._look_up(digest, secret, is_known=is_known, address=address))
        self._looking[digest] = looking
        looking.add_done_callback(lambda done: self._end_look_up(digest, done))
        return looking

    def _end_look_up(self, digest: bytes, done: asyncio.Task[Caller]) -> None:
        del self._looking[digest]
        # Retrieved, or asyncio would log a failed look-up that nobody waited for. The next request looks up again.
        if not done.cancelled():
            done.exception()

    async def _look_up(self, digest: bytes, secret: str, *, is_known: bool, address: str) -> Caller:
        began_at = self._clock()
        try:
            if is_known:
                caller = await threadpool.call(self._look_up_now, secret=secret)
            else:
                caller = await self._guesses.look_up(address, lambda: self._look_up_unknown(secret))
        except (errors.InvalidKey, errors.KeyExpired, errors.AccountDisabled):
            self._known.pop(digest, None)
            raise
        self._keep(digest, KnownKey(caller, began_at))
        return caller

    async def _look_up_unknown(self, secret: str) -> Caller:
        return await self._unknown_keys.call(lambda: threadpool.call(self._look_up_now, secret=secret))

    def _keep(self, digest: bytes, known: KnownKey) -> None:
        """Puts the key at the end. When there are too many, the first is dropped: it was looked up longest ago."""
        self._known.pop(digest, None)
        if len(self._known) >= KNOWN_KEYS_MAX:
            del self._known[next(iter(self._known))]
        self._known[digest] = known


_known_keys = LoopLocal(KnownKeys)


def bearer_key(request: HttpRequest) -> str | None:
    """The key in the header `Authorization`; None without that header. Raises InvalidKey for another scheme."""
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    scheme, _, key = header.strip().partition(" ")
    if not scheme:
        return None
    if scheme.lower() != "bearer":
        raise errors.InvalidKey
    return key.strip()


async def caller_of(key: str | None, *, address: str = "") -> Caller:
    """`address`: where the request came from, as far as it is known.

    Raises MissingKey, InvalidKey, KeyExpired, AccountDisabled, or ServiceUnavailable when too many unknown keys come at
    once.
    """
    if key is None:
        raise errors.MissingKey
    if not api_keys.is_well_formed(key):
        raise errors.InvalidKey
    return await _known_keys.get().caller(key, address=address)
