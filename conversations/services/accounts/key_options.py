"""What an API key is made with, and what of it can be changed: checked before it is written."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from conversations import errors
from conversations.models import Account, ApiKey
from conversations.models.accounts.accounts import MAX_PER_MINUTE, MAX_RUNS, MAX_TOKENS_PER_MINUTE
from conversations.rules import key_rights
from conversations.rules.key_rights import KeyRights
from conversations.services.accounts import accounts
from conversations.values.callers import Limits

# The limits' columns on keys and accounts, and the most that each can be.
MOST = {
    "requests_per_minute": MAX_PER_MINUTE,
    "tokens_per_minute": MAX_TOKENS_PER_MINUTE,
    "concurrent_runs": MAX_RUNS,
}


@dataclass(frozen=True, slots=True)
class KeyOptions:
    """The columns of a key that somebody chooses. None as a limit: the account's, else the setting's."""

    name: str = ""
    scopes: Sequence[str] = ()
    model_patterns: Sequence[str] = ()
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_runs: int | None = None
    expires_at: datetime | None = None

    @property
    def columns(self) -> dict[str, Any]:
        chosen = asdict(self)
        return {**chosen, "scopes": list(self.scopes), "model_patterns": list(self.model_patterns)}


DEFAULT = KeyOptions()


def check(columns: Mapping[str, Any]) -> None:
    """Raises InvalidRequest about the first that is wrong."""
    if "name" in columns:
        accounts.check_name(ApiKey(name=columns["name"]), "key name")
    if "scopes" in columns:
        _check_scopes(columns["scopes"])
    if "model_patterns" in columns:
        _check_patterns(columns["model_patterns"])
    for name, most in MOST.items():
        limit = columns.get(name)
        if limit is not None and not 0 <= limit <= most:
            raise errors.InvalidRequest(f"{name} must be a whole number from 0 to {most}", param=name)


def limits_of(key: ApiKey, account: Account) -> Limits:
    """Those that hold for the key: its own, else its account's, else the settings'."""
    most = limits_of_keys(account)
    return Limits(
        requests_per_minute=_first(key.requests_per_minute, most.requests_per_minute),
        tokens_per_minute=_first(key.tokens_per_minute, most.tokens_per_minute),
        concurrent_runs=_first(key.concurrent_runs, most.concurrent_runs),
    )


def limits_of_keys(account: Account) -> Limits:
    """Those of each key that has none of its own: its account's, else the settings'."""
    return Limits(
        requests_per_minute=_first(account.requests_per_minute, settings.REQUESTS_PER_MINUTE),
        tokens_per_minute=_first(account.tokens_per_minute, settings.TOKENS_PER_MINUTE),
        concurrent_runs=_first(account.concurrent_runs, settings.CONCURRENT_RUNS),
    )


def limits_of_account(account: Account) -> Limits:
    """Those of all its keys together."""
    return Limits(account.requests_per_minute or 0, account.tokens_per_minute or 0, account.concurrent_runs or 0)


def rights_of(key: ApiKey, account: Account) -> KeyRights:
    return KeyRights(
        scopes=tuple(key.scopes),
        models=tuple(key.model_patterns),
        expires_at=key.expires_at,
        limits=limits_of(key, account),
        is_operator=key.is_operator,
    )


def _first(own: int | None, other: int) -> int:
    return other if own is None else own


def _check_scopes(scopes: Sequence[str]) -> None:
    if len(set(scopes)) != len(scopes) or not set(scopes) <= set(key_rights.SCOPES):
        raise errors.InvalidRequest(f"scopes must be some of {', '.join(key_rights.SCOPES)}, each once", param="scopes")


def _check_patterns(patterns: Sequence[str]) -> None:
    if len(patterns) > key_rights.PATTERNS_MAX:
        raise errors.InvalidRequest(f"models must be at most {key_rights.PATTERNS_MAX}", param="models")
    for place, pattern in enumerate(patterns):
        if problem := key_rights.pattern_problem(pattern):
            raise errors.InvalidRequest(f"models.{place} {problem}", param="models")
