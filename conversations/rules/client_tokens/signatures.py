"""Client tokens are JWTs, signed with HS256 and the account's visitor secret: every language has a library for them.

HS256 is the only algorithm that is taken, whatever a token's header says. The account is `iss`.
"""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

import jwt
import orjson

from conversations import errors

ALGORITHM = "HS256"
# Before anything of it is looked at.
MAX_CHARS = 4_096
# How `{"` begins in base64: so begins the header of every JWT, and no key that is made here.
BEGINNING = "eyJ"
PARTS = 3
ISSUER_MAX_CHARS = 40
SECRET_PREFIX = "vsec_"  # noqa: S105 — of secrets, none itself
SECRET_BYTES = 32

_jws = jwt.PyJWS()


def new_secret() -> str:
    return SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def is_token(text: str) -> bool:
    """Whether it has a token's form, and is no API key."""
    return text.startswith(BEGINNING) and text.count(".") == PARTS - 1


def sign(payload: Mapping[str, Any], *, secret: str) -> str:
    return jwt.encode(dict(payload), secret, algorithm=ALGORITHM)


def issuer(token: str) -> str:
    """Whom the token says it is from; nothing is proven by that. Raises InvalidKey."""
    if len(token) > MAX_CHARS or not token.isascii():
        raise errors.InvalidKey
    try:
        found = _jws.decode_complete(token, options={"verify_signature": False})
    except jwt.InvalidTokenError as exc:
        raise errors.InvalidKey from exc
    given = _object(found["payload"]).get("iss")
    # It is looked up: no account's id is longer, and PostgreSQL takes no NUL.
    if not isinstance(given, str) or len(given) > ISSUER_MAX_CHARS or not (given.isascii() and given.isprintable()):
        raise errors.InvalidKey
    return given


def verified(token: str, *, secrets: Iterable[str]) -> dict[str, Any]:
    """What it says, if it was signed with one of the secrets. Raises InvalidKey."""
    for secret in secrets:
        try:
            return _object(_jws.decode(token, secret, algorithms=[ALGORITHM]))
        except jwt.InvalidTokenError:
            continue
    raise errors.InvalidKey


def _object(payload: bytes) -> dict[str, Any]:
    """orjson takes neither NaN nor lone surrogates. Raises InvalidKey."""
    try:
        found = orjson.loads(payload)
    except orjson.JSONDecodeError as exc:
        raise errors.InvalidKey from exc
    if not isinstance(found, dict):
        raise errors.InvalidKey
    return found
