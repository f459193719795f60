"""Who calls: the Bearer key of a request, looked up in the database at most every few seconds per process."""

import time

from django.http import HttpRequest

from conversations import errors
from conversations.rules import api_keys
from conversations.services import accounts
from conversations.services.accounts import Caller
from conversations.views import blocking

# A revoked key stops working everywhere within this time.
CACHE_SECONDS = 3.0
CACHE_MAX_KEYS = 10_000

_cache: dict[bytes, tuple[float, Caller]] = {}


async def bearer(request: HttpRequest) -> Caller:
    """Raises MissingKey, InvalidKey or AccountDisabled."""
    header = request.META.get("HTTP_AUTHORIZATION", "")
    if not header.strip():
        raise errors.MissingKey
    scheme, _, secret = header.strip().partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret:
        raise errors.InvalidKey
    return await _look_up(secret)


async def _look_up(secret: str) -> Caller:
    digest = api_keys.hash_key(secret)
    now = time.monotonic()
    known = _cache.get(digest)
    if known and known[0] > now:
        return known[1]
    try:
        caller = await blocking.call(accounts.authenticate, secret=secret)
    except errors.ParleyError:
        _cache.pop(digest, None)
        raise
    if len(_cache) >= CACHE_MAX_KEYS:
        _cache.clear()
    _cache[digest] = (now + CACHE_SECONDS, caller)
    return caller
