"""Who a request comes from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """The account behind the key of a request, and what it may still begin."""

    account_id: int
    api_key_id: int
    # False for an account that has as many as it may have.
    may_begin_conversations: bool = True
    may_take_idempotency_keys: bool = True
