"""What one attempt of a run adds to usage, and lines added up."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from conversations.rules.money import cost, unit_counts
from conversations.rules.money.explanations import BESIDE
from conversations.rules.prices.beside import PricedBeside
from conversations.rules.prices.price_book import ModelPrices
from conversations.values.prices import UnitKind
from conversations.values.usage import SUMS, Sums, UsageLine
from providers.messages import Usage

ESTIMATED = "estimated"
NO_PRICES = ModelPrices({})
Group = TypeVar("Group", bound=Hashable)


def of_end(
    usage: Usage | None,
    *,
    prices: ModelPrices | None,
    markup_percent: Decimal,
    paid: Decimal,
    written_off: Decimal,
    is_released: bool,
    explanation: Mapping[str, Any] | None,
    beside: Sequence[PricedBeside] = (),
) -> Sums:
    """Of the attempt that ended its run.

    `paid` is what was taken from the balance. A run that money was paid for says itself what it cost by the list, in
    its `explanation`; a metered one that was free of charge, because it failed, `is_released` and has no price. Those
    of other accounts, also where calls are counted, cost what the list says. Of what was used `beside` the calls to the
    model, its price is here; units and the vendor's own price are lines of their own (`of_beside`).
    """
    sums: dict[str, int | Decimal] = {"runs": 1}
    found = _by_the_list(usage, prices, markup_percent, beside)
    if usage is not None:
        sums |= _units(usage)
        sums["estimated_runs"] = int(usage.source == ESTIMATED)
        sums["unpriced_runs"] = int(found is None and not explanation)
    if explanation:
        sums["price"] = Decimal(explanation["cost"])
        of_model = [line for line in explanation["lines"] if BESIDE not in line]
        sums["vendor_cost"] = cost.total(Decimal(line["amount"]) for line in of_model)
    elif found is not None:
        sums["price"] = Decimal(0) if is_released else found.amount
        sums["vendor_cost"] = cost.total(line.amount for line in found.lines if line.beside is None)
    sums |= {"cost": paid, "written_off": written_off}
    return _without_nothing(sums)


def of_pause(usage: Usage | None, **facts: Any) -> Sums:
    """As `of_end`, of an attempt after which its run waited for an approval: it is paid for, and no run has ended."""
    sums = of_end(usage, **facts)
    return {name: value for name, value in sums.items() if not name.endswith("runs")}


def of_put_back(usage: Usage, *, prices: ModelPrices | None) -> Sums:
    """Of an attempt whose run was put back into the queue: it costs its caller nothing."""
    found = _by_the_list(usage, prices, Decimal(0))
    return _without_nothing({**_units(usage), "vendor_cost": found.amount if found else Decimal(0)})


def of_beside(one: PricedBeside) -> Sums:
    """Of something that an attempt has used besides, whether anybody pays for the attempt or not."""
    found = cost.of_calls((), NO_PRICES, beside=(one,))
    units = {kind.value: count for kind, count in one.units.units.items() if kind is not UnitKind.CALL}
    return _without_nothing({**units, "vendor_cost": found.amount if found else Decimal(0)})


def grouped(lines: Iterable[UsageLine], by: Callable[[UsageLine], Group]) -> dict[Group, Sums]:
    """The sums of the lines of each group."""
    found: defaultdict[Group, dict[str, int | Decimal]] = defaultdict(dict)
    for line in lines:
        group = by(line)
        found[group] = added(found[group], line.sums)
    return dict(found)


def added(one: Sums, other: Sums) -> dict[str, int | Decimal]:
    """Both need only have what is not 0."""
    return {name: one.get(name, 0) + other.get(name, 0) for name in SUMS if name in one or name in other}


def _by_the_list(
    usage: Usage | None, prices: ModelPrices | None, markup_percent: Decimal, beside: Sequence[PricedBeside] = ()
) -> cost.Cost | None:
    if usage is None or (prices is None and not beside):
        return None
    calls = unit_counts.of_calls(usage)
    return cost.of_calls(calls, prices or NO_PRICES, markup_percent=markup_percent, beside=beside)


def _units(usage: Usage) -> dict[str, int | Decimal]:
    """Calls of a vendor are not added up: runs are."""
    units = unit_counts.of_usage(usage, calls=0).units
    return {kind.value: count for kind, count in units.items()}


def _without_nothing(sums: Mapping[str, int | Decimal]) -> dict[str, int | Decimal]:
    return {name: value for name, value in sums.items() if value}
