"""What was used and what it cost, added up: by day, model, key, conversation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from conversations.values.prices import UnitKind

TOKENS = tuple(kind.value for kind in UnitKind if kind.is_token)
NUMBERS = ("runs", "unpriced_runs", "estimated_runs", *TOKENS, UnitKind.SEARCH.value)
AMOUNTS = ("cost", "written_off", "price", "vendor_cost")
# The columns of the tables of usage (models/money/usage.py).
SUMS = (*NUMBERS, *AMOUNTS)

# What a query names as its key for what no key asked. No key's id is like it.
WITHOUT_KEY = "none"

Sums = Mapping[str, int | Decimal]


@dataclass(frozen=True, slots=True)
class UsageLine:
    """What one attempt of a run adds. `sums` has those of SUMS that are not 0.

    `is_put_back`: the attempt did not end its run, so nobody pays for it; its vendor may want money all the same.
    `api_key_key` 0 is none; `conversation_id` None is a run that nothing stores, or of a conversation that was deleted.
    """

    account_id: int
    day: date
    model: str
    api_key_key: int
    conversation_id: int | None
    vendor: str
    upstream_model: str
    is_put_back: bool
    sums: Sums


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """Of which days (in UTC, both included), grouped by which of GROUPS, and of which model, key or conversation.

    A key and a conversation are named by their public ids.
    """

    account_id: int
    since: date
    until: date
    by: tuple[str, ...]
    model: str | None = None
    key: str | None = None
    conversation: str | None = None


# In this order rows are sorted, whatever the order in which they were asked for.
GROUPS = ("conversation", "day", "model", "key")


@dataclass(frozen=True, slots=True)
class UsageRow:
    """The sums of one group. What it is not grouped by is None; so is the key of runs without one."""

    sums: Sums
    day: date | None = None
    model: str | None = None
    key: str | None = None
    conversation: str | None = None
    # For people: not in the API.
    key_name: str = field(default="", kw_only=True)
