"""Who calls: the Bearer key of a request, looked up in the database every few seconds per process.

Strangers and customers look the same until the database has spoken. So keys that it has known before are looked up at
once, and answered from memory meanwhile; all others share two look-ups at a time, with a short line before them.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest

from conversations import errors
from conversations.rules import api_keys
from conversations.services.accounts import api_keys as api_key_services
from conversations.values.callers import Caller
from conversations.views.http import threadpool
from conversations.views.http.narrow_gate import NarrowGate

# After this time a key is looked up again, beside the requests that it is still good for.
FRESH_SECONDS = 2.0
# After this time they wait for the look-up: a revoked key stops working everywhere within 5 s.
GOOD_SECONDS = 4.0
KNOWN_KEYS_MAX = 10_000
# Of the eight threads that all services share; a look-up takes about a millisecond.
STRANGERS_AT_ONCE = 2
STRANGERS_IN_LINE = 100


@dataclass(frozen=True, slots=True)
class Known:
    caller: Caller
    looked_up_at: float


class KnownKeys:
    """What this process knows of keys. It belongs to one event loop. `clock` is in seconds."""

    def __init__(
        self,
        look_up: Callable[..., Caller] = api_key_services.authenticate,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_up_now = look_up
        self._clock = clock
        self._known: dict[bytes, Known] = {}
        self._looking: dict[bytes, asyncio.Task[Caller]] = {}
        self._gate = NarrowGate(at_once=STRANGERS_AT_ONCE, in_line=STRANGERS_IN_LINE)

    async def caller(self, secret: str) -> Caller:
        """Raises InvalidKey, AccountDisabled or ServiceUnavailable."""
        digest = api_keys.hash_key(secret)
        known = self._known.get(digest)
        age = self._clock() - known.looked_up_at if known else GOOD_SECONDS
        if known and age < FRESH_SECONDS:
            return known.caller
        looking = self._looking.get(digest) or self._begin_look_up(digest, secret, is_known=known is not None)
        if known and age < GOOD_SECONDS:
            return known.caller
        # Whoever leaves lets the others have theirs.
        return await asyncio.shield(looking)

    def _begin_look_up(self, digest: bytes, secret: str, *, is_known: bool) -> asyncio.Task[Caller]:
        """One for all who ask with this key meanwhile."""
        looking = asyncio.create_task(self._look_up(digest, secret, is_known=is_known))
        self._looking[digest] = looking
        looking.add_done_callback(lambda done: self._end_look_up(digest, done))
        return looking

    def _end_look_up(self, digest: bytes, done: asyncio.Task[Caller]) -> None:
        del self._looking[digest]
        # Read, so that a failed look-up that nobody waited for is no unheard error: the next request meets it again.
        if not done.cancelled():
            done.exception()

    async def _look_up(self, digest: bytes, secret: str, *, is_known: bool) -> Caller:
        at = self._clock()
        try:
            if is_known:
                caller = await threadpool.call(self._look_up_now, secret=secret)
            else:
                caller = await self._gate.enter(lambda: threadpool.call(self._look_up_now, secret=secret))
        except (errors.InvalidKey, errors.AccountDisabled):
            self._known.pop(digest, None)
            raise
        self._keep(digest, Known(caller, at))
        return caller

    def _keep(self, digest: bytes, known: Known) -> None:
        """As the last; the first, and so the longest unused, makes room."""
        self._known.pop(digest, None)
        if len(self._known) >= KNOWN_KEYS_MAX:
            del self._known[next(iter(self._known))]
        self._known[digest] = known


_known_keys: dict[asyncio.AbstractEventLoop, KnownKeys] = {}


async def bearer(request: HttpRequest) -> Caller:
    """Raises MissingKey, InvalidKey, AccountDisabled, or ServiceUnavailable when too many strangers ask."""
    header = request.META.get("HTTP_AUTHORIZATION", "")
    if not header.strip():
        raise errors.MissingKey
    scheme, _, secret = header.strip().partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not api_keys.is_well_formed(secret):
        raise errors.InvalidKey
    loop = asyncio.get_running_loop()
    if loop not in _known_keys:
        _known_keys[loop] = KnownKeys()
    return await _known_keys[loop].caller(secret)
