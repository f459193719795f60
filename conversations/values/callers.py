"""Who sends a request, what the key may do, and how much of it."""

from dataclasses import dataclass

from conversations.values.money import Metering


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be asked for. 0 stands for any number."""

    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    concurrent_runs: int = 0


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Caller:
    """The account and key of a request, what the key may do, and what the account may still make."""

    account_id: int
    api_key_id: int
    # False for an account that has reached its number of them.
    may_begin_conversations: bool = True
    may_take_idempotency_keys: bool = True
    may_make_visitors: bool = True
    # Whether its account had a webhook endpoint some seconds ago: what is new has to be reported, as far as is known.
    has_endpoints: bool = False
    # Whether the key may look at what concerns all accounts.
    is_operator: bool = False
    # None for an account that is not metered.
    metering: Metering | None = None
    # Empty: every family, and every model (rules/key_rights.py).
    scopes: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    # Of the key, and of all keys of its account together.
    key_limits: Limits = NO_LIMITS
    account_limits: Limits = NO_LIMITS
    # Of a client token: the customer's id of the one visitor whose chat and threads it is good for. "" for a key.
    visitor: str = ""
