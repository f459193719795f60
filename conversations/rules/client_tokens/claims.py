"""What a client token says: docs/client-tokens.md has the table. Whoever knows the visitor secret may write one.

So nothing here is trusted but the signature: every claim is checked for its type and its bounds. Claims that are not
named here are ignored, because libraries add their own (`aud`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from conversations import errors
from conversations.rules import key_rights, texts
from conversations.rules.conversations import visitor_fields
from conversations.values.callers import NO_LIMITS, Limits

LIFE_MAX_SECONDS = 86_400
# How far the clock of a customer's server may be ahead of ours.
LEEWAY_SECONDS = 60
ID_MAX_CHARS = 40
TOKEN_ID_MAX_CHARS = 128
# By which key it was minted; tokens that a customer signs are of none.
KEY = "key"
# The latest moment that is read: further ones are not compared, but refused.
LATEST = 253_402_300_799
# Reading, resuming and cancelling the visitor's own runs. What is not of a visitor is a family.
RUNS = "runs"
# Listing and reading its conversations, renaming and archiving them.
CONVERSATIONS = "conversations"
OF_VISITOR = (RUNS, CONVERSATIONS)
SCOPES = (key_rights.AICHAT, key_rights.OPENAI, key_rights.YUJU, *OF_VISITOR)
LIMITS = ("requests_per_minute", "tokens_per_minute", "concurrent_runs")
# The most that a limit can be; the account's hold all the same.
LIMIT_MAX = 10_000_000


@dataclass(frozen=True, slots=True)
class Claims:
    """`limits`: 0 where the token says nothing of it. `assistant` is "" for any of the account's.

    `id` is its `jti`, `key` the id of the API key that minted it; "" for one that has none.
    `issued_at` in seconds, as `expires_at`.
    """

    visitor: str
    expires_at: int
    scopes: tuple[str, ...] = SCOPES
    assistant: str = ""
    limits: Limits = NO_LIMITS
    id: str = ""
    key: str = ""
    issued_at: int = 0


def read(payload: Mapping[str, Any], *, now: float) -> Claims:
    """Of a token whose signature is good. `now` in seconds since 1970.

    Raises KeyExpired, and InvalidKey that names the claim at fault: only who can sign learns it.
    """
    issued_at, expires_at = _moment(payload, "iat"), _moment(payload, "exp")
    if expires_at - issued_at > LIFE_MAX_SECONDS:
        raise wrong("exp", f"may be at most {LIFE_MAX_SECONDS} seconds after iat")
    begins_at = max(issued_at, _moment(payload, "nbf") if "nbf" in payload else issued_at)
    if begins_at > now + LEEWAY_SECONDS:
        raise wrong("nbf" if begins_at > issued_at else "iat", "lies in the future")
    if expires_at <= now:
        raise errors.KeyExpired("The client token has expired.")
    return Claims(
        visitor=_visitor(payload),
        expires_at=expires_at,
        issued_at=issued_at,
        scopes=_scopes(payload),
        assistant=_text(payload, "assistant", most=ID_MAX_CHARS) if payload.get("assistant") is not None else "",
        limits=Limits(*(_limit(payload, name) for name in LIMITS)),
        id=_name(payload, "jti", most=TOKEN_ID_MAX_CHARS),
        key=_name(payload, KEY, most=ID_MAX_CHARS),
    )


def wrong(claim: str, problem: str) -> errors.InvalidKey:
    return errors.InvalidKey(f"The client token's {claim} {problem}.")


def _moment(payload: Mapping[str, Any], claim: str) -> int:
    """A NumericDate: programs write whole numbers as well as fractions."""
    given = payload.get(claim)
    if isinstance(given, bool) or not isinstance(given, int | float) or not isfinite(given):
        raise wrong(claim, "must be a number of seconds")
    if not 0 <= given <= LATEST:
        raise wrong(claim, "is no moment that can be")
    return int(given)


def _visitor(payload: Mapping[str, Any]) -> str:
    """As strict as wherever else a visitor is named: otherwise the account could not name this one."""
    found = _text(payload, "sub", most=visitor_fields.EXTERNAL_ID_MAX_CHARS)
    if not visitor_fields.is_external_id(found):
        raise wrong("sub", "must not be spaces alone")
    return found


def _text(payload: Mapping[str, Any], claim: str, *, most: int) -> str:
    given = payload.get(claim)
    if not isinstance(given, str) or not 0 < len(given) <= most:
        raise wrong(claim, f"must be a text of 1 to {most} characters")
    try:
        return texts.storable(given, param=claim)
    except errors.InvalidRequest as exc:
        raise wrong(claim, "cannot be stored") from exc


def _name(payload: Mapping[str, Any], claim: str, *, most: int) -> str:
    """ "" for anything else: a customer's own tokens may say there what they like, and are ended in another way."""
    given = payload.get(claim)
    return given if isinstance(given, str) and len(given) <= most else ""


def _scopes(payload: Mapping[str, Any]) -> tuple[str, ...]:
    given = payload.get("scopes")
    if given is None:
        return SCOPES
    # A list of something else than texts may hold what cannot be in a set.
    if not isinstance(given, list) or not given or not all(isinstance(one, str) for one in given):
        raise wrong("scopes", "must be a list of texts")
    if not set(given) <= set(SCOPES):
        raise wrong("scopes", f"must be some of {', '.join(SCOPES)}")
    return tuple(dict.fromkeys(given))


def _limit(payload: Mapping[str, Any], name: str) -> int:
    given = payload.get(name)
    if given is None:
        return 0
    if isinstance(given, bool) or not isinstance(given, int) or not 0 < given <= LIMIT_MAX:
        raise wrong(name, f"must be a whole number from 1 to {LIMIT_MAX}")
    return given
