"""Client tokens: minted for a customer's server, and read when a browser sends one.

What the database knows of an account that signs tokens is looked up for all of them together (`Signer`), so a million
visitors cost one look-up. Nothing of a token itself is stored.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import structlog
from django.conf import settings

from conversations import encryption, errors, ids
from conversations.models import Account, ApiKey, Assistant, VisitorSecret
from conversations.models.webhooks.endpoints import has_endpoint
from conversations.rules import key_rights
from conversations.rules.client_tokens import claims, revocations, signatures
from conversations.rules.client_tokens.claims import Claims
from conversations.rules.client_tokens.revocations import Ended
from conversations.services import one_by_one
from conversations.services.accounts import api_keys, key_options, token_revocations, visitor_secrets
from conversations.values.callers import NO_LIMITS, Caller, Limits

log = structlog.get_logger(__name__)

DEFAULT_LIFE_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class Signer:
    """An account as it was some seconds ago. `caller` is what all its tokens have in common.

    `most`: what a key of the account may ask that has no limits of its own; no token may ask more, nor all together.
    `ended`: whose tokens, or which ones, have ended before their time.
    """

    caller: Caller
    secrets: tuple[str, ...]
    most: Limits
    is_active: bool
    ended: Ended


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a token is to say. `limits`: 0 for what it leaves open."""

    visitor: str
    assistant: str = ""
    scopes: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS
    life_seconds: int = DEFAULT_LIFE_SECONDS


def find_signer(account_public_id: str) -> Signer:
    """Raises InvalidKey for an account that signs no tokens, and for one that is not there."""
    rows = VisitorSecret.objects.filter(account__public_id=account_public_id).select_related("account__balance")
    found = list(visitor_secrets.in_force(rows.annotate(has_endpoints=has_endpoint())))
    if not found:
        raise errors.InvalidKey
    account = found[0].account
    return Signer(
        caller=api_keys.caller_of(account, has_endpoints=found[0].has_endpoints),  # type: ignore[attr-defined]  # annotated
        secrets=tuple(_decrypted(found)),
        most=key_options.limits_of_keys(account),
        is_active=account.is_active,
        ended=token_revocations.ended(account_id=account.pk),
    )


def caller_of(token: str, signer: Signer, *, now: float) -> Caller:
    """Who holds the token. Raises InvalidKey, KeyExpired or AccountDisabled.

    The signature comes first: only who has a token of the account learns anything about it.
    """
    said = claims.read(signatures.verified(token, secrets=signer.secrets), now=now)
    if not signer.is_active:
        raise errors.AccountDisabled
    if revocations.has_ended(said, signer.ended):
        raise errors.InvalidKey("The client token was revoked.")
    return replace(
        signer.caller,
        visitor=said.visitor,
        assistant=said.assistant,
        scopes=said.scopes,
        key_limits=_limits(said.limits, most=signer.most),
        # A million visitors ask no more than a key. How many wait at once is bounded where they wait (`slots.py`).
        account_limits=replace(signer.most, concurrent_runs=signer.caller.account_limits.concurrent_runs),
    )


def mint(wanted: Wanted, *, caller: Caller, now: float) -> tuple[str, Claims]:
    """A token, and what it says.

    Raises InvalidKey when the key has ended, OutOfScope for what it may not do itself, InvalidRequest for an assistant
    that the account does not have, and as `visitor_secrets.current`.
    """
    _check_rights(wanted, caller)
    if wanted.assistant:
        _check_assistant(wanted.assistant, account_id=caller.account_id)
    payload = _payload(wanted, caller=caller, now=int(now))
    said = claims.read(payload, now=now)
    return signatures.sign(payload, secret=visitor_secrets.current(account_id=caller.account_id)), said


def _payload(wanted: Wanted, *, caller: Caller, now: int) -> dict[str, Any]:
    """No token may ask more than the key that mints it, nor outlive it."""
    limits = asdict(_limits(wanted.limits, most=caller.key_limits))
    key = ApiKey.objects.for_account(caller.account_id).filter(api_keys.WORKS, pk=caller.api_key_id or 0).first()
    if key is None:
        # Revoked a moment ago: its token would end at once.
        raise errors.InvalidKey
    expires_at = now + wanted.life_seconds
    if key.expires_at is not None:
        expires_at = min(expires_at, int(key.expires_at.timestamp()))
    return {
        "iss": Account.objects.values_list("public_id", flat=True).get(pk=caller.account_id),
        "sub": wanted.visitor,
        "iat": now,
        "exp": expires_at,
        "jti": ids.new_client_token_id(),
        claims.KEY: key.public_id,
        "scopes": list(wanted.scopes or _families(caller)),
        **({"assistant": wanted.assistant} if wanted.assistant else {}),
        **{name: most for name, most in limits.items() if most},
    }


def _families(caller: Caller) -> tuple[str, ...]:
    return tuple(one for one in claims.SCOPES if one in claims.OF_VISITOR or key_rights.may_speak(caller.scopes, one))


def _check_rights(wanted: Wanted, caller: Caller) -> None:
    """A key with patterns of models mints none: an assistant may have any model."""
    if caller.models:
        raise errors.OutOfScope("An API key that may use some models alone makes no client tokens.")
    if beyond := sorted(set(wanted.scopes) - set(_families(caller))):
        raise errors.OutOfScope(f"The API key does not have the scope {beyond[0]}.", param="scopes")


def _check_assistant(assistant: str, *, account_id: int) -> None:
    own = Assistant.objects.for_account(account_id).filter(public_id=assistant, deleted_at=None)
    if not own.exists():
        raise errors.InvalidRequest("The account has no such assistant.", param="assistant")


def _limits(asked: Limits, *, most: Limits) -> Limits:
    """0 stands for any number."""
    requests = asked.requests_per_minute or settings.CLIENT_TOKEN_REQUESTS_PER_MINUTE
    return Limits(
        requests_per_minute=_least(requests, most.requests_per_minute),
        tokens_per_minute=_least(asked.tokens_per_minute, most.tokens_per_minute),
        concurrent_runs=_least(asked.concurrent_runs, most.concurrent_runs),
    )


def _least(*limits: int) -> int:
    return min((limit for limit in limits if limit), default=0)


def _decrypted(rows: list[VisitorSecret]) -> list[str]:
    """Without those that were encrypted with a SECRET_KEY that is no longer known: their tokens are refused until
    somebody rotates the secret.
    """
    found = []
    for row in rows:
        try:
            found.append(encryption.decrypt(row.encrypted))
        except encryption.Undecryptable:
            # Looked up every two seconds: one line for all of that.
            if one_by_one.known_failures.is_new(("visitor_secret", str(row.pk))):
                log.warning("visitor_secret_undecryptable", account_id=row.account_id)
    return found
