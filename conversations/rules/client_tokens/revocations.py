"""Which tokens have ended before their time: those of a visitor up to a moment, one by its `jti`, those of a key.

What ended is named by a digest: of a visitor that was deleted nothing else may be kept.
"""

import hashlib
from collections.abc import Mapping

from conversations.rules.client_tokens import claims
from conversations.rules.client_tokens.claims import Claims

# As long as a token may live, and as far as the clock of a customer's server may be ahead.
KEPT_SECONDS = claims.LIFE_MAX_SECONDS + claims.LEEWAY_SECONDS

# By the digests of what ended, the second in which it did.
Ended = Mapping[bytes, int]


def of_visitor(external_id: str) -> bytes:
    return _digest("visitor", external_id)


def of_token(token_id: str) -> bytes:
    return _digest("token", token_id)


def of_key(key_id: str) -> bytes:
    return _digest("key", key_id)


def has_ended(said: Claims, ended: Ended) -> bool:
    """A token of the same second as its visitor's end was issued before it, as far as anybody can tell."""
    if not ended:
        return False
    if said.issued_at <= ended.get(of_visitor(said.visitor), -1):
        return True
    return bool(said.id and of_token(said.id) in ended) or bool(said.key and of_key(said.key) in ended)


def _digest(kind: str, name: str) -> bytes:
    return hashlib.sha256(f"{kind}:{name}".encode()).digest()
