"""Who sends a request, what the key may do, and how much of it."""

import hashlib
from dataclasses import dataclass

from conversations.values.money import Metering


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be asked for. 0 stands for any number."""

    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    concurrent_runs: int = 0


NO_LIMITS = Limits()
# Of the hash that stands for a visitor where its requests are counted.
VISITOR_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Caller:
    """The account and key of a request, what the key may do, and what the account may still make.

    `api_key_id` is None for a client token.
    """

    account_id: int
    api_key_id: int | None
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
    # Of a client token: the one assistant that it may ask; "" for any.
    assistant: str = ""

    @property
    def limited_as(self) -> str:
        """Under which name its requests are counted: its key's, or its visitor's. It has no space in it."""
        if not self.visitor:
            return str(self.api_key_id)
        return f"{self.account_id}:{hashlib.sha256(self.visitor.encode()).hexdigest()[:VISITOR_DIGITS]}"
