"""Who calls: the API key of a request, or the account of its client token, looked up every few seconds per process.

Only the database can tell a valid key from an invented one. So a key that was valid before is looked up at once, and
answered from memory meanwhile; all unknown keys share two look-ups at a time, and a short queue for them. Those of an
address that has sent many wrong ones are looked up slowly (`guesses`).

A client token is looked up by the account that it names. Whether that account has signed it is then told without the
database, so wrong ones of a known account cost no more than a request that is malformed.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.http import HttpRequest

from conversations import errors
from conversations.loop_local import LoopLocal
from conversations.rules import api_keys
from conversations.rules.client_tokens import signatures
from conversations.services.accounts import api_keys as api_key_services
from conversations.services.accounts import client_tokens
from conversations.services.accounts.client_tokens import Signer
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
# In the query, where a browser's EventSource alone can send it.
ACCESS_TOKEN = "access_token"  # noqa: S105 — a parameter's name

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class KnownKey(Generic[Found]):
    found: Found
    looked_up_at: float


class Strangers:
    """What bounds the look-ups of all that is not known, whatever it is. Belongs to one event loop."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.guesses = Guesses(clock=clock)
        self.lookups = Bulkhead(max_concurrent=UNKNOWN_KEYS_CONCURRENT, max_queued=UNKNOWN_KEYS_QUEUED)


class KnownKeys(Generic[Found]):
    """The valid keys that this process remembers, and what was found for them. `clock` is in seconds.

    Belongs to one event loop.
    """

    def __init__(
        self,
        look_up: Callable[[str], Found],
        *,
        strangers: Strangers | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_up_now = look_up
        self._clock = clock
        self._known: dict[bytes, KnownKey[Found]] = {}
        self._looking: dict[bytes, asyncio.Task[Found]] = {}
        self._strangers = strangers or Strangers(clock=clock)

    async def find(self, secret: str, *, address: str = "") -> Found:
        """Raises InvalidKey, KeyExpired, AccountDisabled or ServiceUnavailable."""
        digest = api_keys.hash_key(secret)
        known = self._known.get(digest)
        age = self._clock() - known.looked_up_at if known else GOOD_SECONDS
        if known and age < FRESH_SECONDS:
            return known.found
        looking = self._looking.get(digest) or self._begin_look_up(
            digest, secret, is_known=known is not None, address=address
        )
        if known and age < GOOD_SECONDS:
            return known.found
        # Shielded: a caller that goes away does not cancel the look-up that others wait for.
        return await asyncio.shield(looking)

    def _begin_look_up(self, digest: bytes, secret: str, *, is_known: bool, address: str) -> asyncio.Task[Found]:
        """One look-up for all requests with this key until it ends."""
        looking = asyncio.create_task(self._look_up(digest, secret, is_known=is_known, address=address))
        self._looking[digest] = looking
        looking.add_done_callback(lambda done: self._end_look_up(digest, done))
        return looking

    def _end_look_up(self, digest: bytes, done: asyncio.Task[Found]) -> None:
        del self._looking[digest]
        # Retrieved, or asyncio would log a failed look-up that nobody waited for. The next request looks up again.
        if not done.cancelled():
            done.exception()

    async def _look_up(self, digest: bytes, secret: str, *, is_known: bool, address: str) -> Found:
        began_at = self._clock()
        try:
            if is_known:
                found = await threadpool.call(self._look_up_now, secret)
            else:
                found = await self._strangers.guesses.look_up(address, lambda: self._look_up_unknown(secret))
        except (errors.InvalidKey, errors.KeyExpired, errors.AccountDisabled):
            self._known.pop(digest, None)
            raise
        self._keep(digest, KnownKey(found, began_at))
        return found

    async def _look_up_unknown(self, secret: str) -> Found:
        return await self._strangers.lookups.call(lambda: threadpool.call(self._look_up_now, secret))

    def _keep(self, digest: bytes, known: KnownKey[Found]) -> None:
        """Puts the key at the end. When there are too many, the first is dropped: it was looked up longest ago."""
        self._known.pop(digest, None)
        if len(self._known) >= KNOWN_KEYS_MAX:
            del self._known[next(iter(self._known))]
        self._known[digest] = known


def _caller_with(secret: str) -> Caller:
    return api_key_services.authenticate(secret=secret)


_strangers = LoopLocal(Strangers)
_known_keys: LoopLocal[KnownKeys[Caller]] = LoopLocal(lambda: KnownKeys(_caller_with, strangers=_strangers.get()))
_signers: LoopLocal[KnownKeys[Signer]] = LoopLocal(
    lambda: KnownKeys(client_tokens.find_signer, strangers=_strangers.get())
)


def bearer_key(request: HttpRequest) -> str | None:
    """The key in the header `Authorization`; None without that header. Raises InvalidKey for another scheme."""
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    scheme, _, key = header.strip().partition(" ")
    if not scheme:
        return None
    if scheme.lower() != "bearer":
        raise errors.InvalidKey
    return key.strip()


def access_tokens(request: HttpRequest) -> list[str]:
    """The client tokens in the query. Raises InvalidKey for anything else there: an API key belongs in no URL."""
    given = request.GET.getlist(ACCESS_TOKEN)
    if not all(signatures.is_token(one) for one in given):
        raise errors.InvalidKey
    return given


def the_one(request: HttpRequest, in_query: Sequence[str]) -> str | None:
    """The key that was sent in the header or in the query. None when none was.

    Beside one in the query any other scheme in the header is a proxy's, and none of ours. Raises InvalidKey for
    different ones: who reads the request on its way may have looked at the other.
    """
    try:
        header = bearer_key(request)
    except errors.InvalidKey:
        if not in_query:
            raise
        header = None
    found = set(in_query) if header is None else {header, *in_query}
    if len(found) > 1:
        raise errors.InvalidKey("Different keys were sent in one request.")
    return next(iter(found), None)


async def caller_of(key: str | None, *, address: str = "") -> Caller:
    """`key` is an API key or a client token. `address`: where the request came from, as far as it is known.

    Raises MissingKey, InvalidKey, KeyExpired, AccountDisabled, or ServiceUnavailable when too many unknown keys come at
    once.
    """
    if key is None:
        raise errors.MissingKey
    if signatures.is_token(key):
        signer = await _signers.get().find(signatures.issuer(key), address=address)
        return client_tokens.caller_of(key, signer, now=time.time())
    if not api_keys.is_well_formed(key):
        raise errors.InvalidKey
    return await _known_keys.get().find(key, address=address)
