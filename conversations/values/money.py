"""What a metered account pays by, and how a run of it is paid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any


class EntryKind(StrEnum):
    """Why a balance changed. Every run has `reserve`, perhaps several times, and then `settle` or `release`.

    One that waits for an approval has `pause` before: what it has used is paid, and nothing stays reserved.
    `embed` is of no run: a vendor has made vectors for a knowledge base.
    """

    RESERVE = "reserve"
    SETTLE = "settle"
    RELEASE = "release"
    PAUSE = "pause"
    EMBED = "embed"
    TOP_UP = "top_up"
    ADJUST = "adjust"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Metering:
    """Of an account, as it was some seconds ago. `pays` False: only its calls are counted."""

    pays: bool
    markup_percent: Decimal


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is reserved for a run that has not ended."""

    amount: Decimal
    calls: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What a claimed run is paid by. `reserved` None: its account is not metered, the caller only limits the cost.

    Prices and markup are those of `accepted_at`; the markup is None for an account that pays no money.
    `max_cost`: what the caller would pay at most. `available`: what the balance had beside all reservations, when the
    run was claimed.
    """

    accepted_at: datetime
    reserved: Decimal | None
    markup_percent: Decimal | None = None
    max_cost: Decimal | None = None
    available: Decimal | None = None

    @property
    def is_metered(self) -> bool:
        return self.reserved is not None

    @property
    def funds(self) -> Decimal | None:
        """The most that the run may cost, as far as is known; None for no limit."""
        limits = [self.max_cost] if self.max_cost is not None else []
        if self.reserved is not None and self.pays and self.available is not None:
            limits.append(self.reserved + self.available)
        return min(limits, default=None)

    @property
    def pays(self) -> bool:
        return self.reserved is not None and self.markup_percent is not None


@dataclass(frozen=True, slots=True)
class Bill:
    """What a run has cost. `explanation` is JSON: the units, the price of each, and the markup."""

    cost: Decimal
    usage_source: str
    explanation: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class BalanceState:
    """`balance` includes what is `reserved`. Both are 0 for an account that is not metered, or pays no money.

    `calls_left` None is any number.
    """

    is_metered: bool
    balance: Decimal
    reserved: Decimal
    calls_left: int | None

    @property
    def available(self) -> Decimal:
        return self.balance - self.reserved


@dataclass(frozen=True, slots=True)
class RunCost:
    """`cost` is what was taken: nothing from an account that is not metered.

    `written_off` was more than was left, `refunded` was given back later. `price` is what the usage costs by the price
    list, whoever pays; None when the model has no price, or nothing was used.
    `lines` say why. `reserved` is for a run that goes on.
    """

    run_id: str
    is_metered: bool
    cost: Decimal = Decimal(0)
    reserved: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)
    written_off: Decimal = Decimal(0)
    usage_source: str | None = None
    explanation: Mapping[str, Any] = field(default_factory=dict)

    @property
    def price(self) -> Decimal | None:
        return Decimal(self.explanation["cost"]) if "cost" in self.explanation else None

    @property
    def lines(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self.explanation.get("lines", ())
        return found
