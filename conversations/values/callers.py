"""Who sends a request."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """The account and key of a request, and what the account may still make."""

    account_id: int
    api_key_id: int
    # False for an account that has reached its number of them.
    may_begin_conversations: bool = True
    may_take_idempotency_keys: bool = True
    # Whether its account had a webhook endpoint some seconds ago: what is new has to be reported, as far as is known.
    has_endpoints: bool = False
