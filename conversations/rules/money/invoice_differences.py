"""An invoice beside what was counted: where they differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from conversations.rules.money.invoices import Billed, Key

NOTHING = Billed(None, None, None)


@dataclass(frozen=True, slots=True)
class Counted:
    """Of a day and a model, at the vendor's price without any markup. `vendor_cost` lacks `unpriced_runs`."""

    input_tokens: int
    output_tokens: int
    vendor_cost: Decimal
    unpriced_runs: int = 0
    estimated_runs: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """`billed` or `counted` None: it is only in the other."""

    day: date
    model: str
    billed: Billed | None
    counted: Counted | None


def differences(
    billed: Mapping[Key, Billed], counted: Mapping[Key, Counted], *, tolerance_percent: Decimal
) -> list[Difference]:
    """By day and model. Numbers that are as near as the tolerance are the same; an invoice need not have all."""
    keys = sorted(billed.keys() | counted.keys())
    found = [Difference(*key, billed.get(key), counted.get(key)) for key in keys]
    return [each for each in found if _differs(each, tolerance_percent)]


def _differs(each: Difference, tolerance: Decimal) -> bool:
    billed, counted = each.billed or NOTHING, each.counted or Counted(0, 0, Decimal(0))
    if each.billed is None:
        # The vendor bills nothing for what used nothing.
        return bool(counted.input_tokens or counted.output_tokens or counted.vendor_cost)
    pairs = (
        (billed.input_tokens, counted.input_tokens),
        (billed.output_tokens, counted.output_tokens),
        (billed.amount, counted.vendor_cost),
    )
    return any(one is not None and not _is_near(Decimal(one), Decimal(other), tolerance) for one, other in pairs)


def _is_near(one: Decimal, other: Decimal, tolerance: Decimal) -> bool:
    return abs(one - other) * 100 <= max(abs(one), abs(other)) * tolerance
