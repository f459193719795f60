"""Why something cost what it did, as the ledger keeps it and callers are shown it. JSON, with decimals as strings."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from conversations.rules.money.cost import Cost, CostLine
from conversations.values.prices import PriceRow, UnitKind
from providers.messages import UsedBeside

# Of more calls the lines are added up by kind and price: a request may have a hundred, and an entry is kept for ever.
CALLS_SHOWN = 16
# Of a line: what it is of, where that is no call to the run's model.
BESIDE = "beside"


def of(cost: Cost, *, vendor: str, model: str) -> dict[str, Any]:
    """`model` is the vendor's own name of it."""
    return {
        "vendor": vendor,
        "model": model,
        "cost": f"{cost.amount:f}",
        "markup_percent": f"{cost.markup_percent.normalize():f}",
        "lines": [_line(line) for line in _shown(cost.lines)],
    }


def _shown(lines: Sequence[CostLine]) -> Iterable[CostLine]:
    if not lines or lines[-1].call <= CALLS_SHOWN:
        return lines
    sums: dict[tuple[UnitKind, PriceRow | None, UsedBeside | None], CostLine] = {}
    for line in lines:
        key = (line.kind, line.price, line.beside)
        known = sums.get(key)
        sums[key] = (
            replace(line, call=1)
            if known is None
            else replace(known, units=known.units + line.units, amount=known.amount + line.amount)
        )
    return sums.values()


def _line(line: CostLine) -> dict[str, Any]:
    price = line.price
    shown: dict[str, Any] = {"kind": line.kind.value, "units": line.units, "amount": f"{line.amount.normalize():f}"}
    if line.call > 1:
        shown["call"] = line.call
    if line.beside is not None:
        shown[BESIDE] = {"vendor": line.beside.vendor, "model": line.beside.model}
    if price is None:
        return shown
    return {
        **shown,
        "price": f"{price.amount.normalize():f}",
        "per_units": price.kind.units_priced,
        "price_kind": price.kind.value,
        "price_id": price.price_id,
        "price_of": price.model,
        "valid_from": price.valid_from.isoformat(),
        "source": price.source.value,
        "from_input_tokens": price.from_input_tokens,
    }
