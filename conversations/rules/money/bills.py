"""What a metered run costs its account."""

from collections.abc import Sequence
from decimal import Decimal

from conversations.rules.money import cost, explanations, unit_counts
from conversations.rules.prices.beside import PricedBeside
from conversations.rules.prices.price_book import ModelPrices
from conversations.values.money import Bill, Terms
from providers.messages import Usage


def of_usage(
    usage: Usage,
    prices: ModelPrices,
    terms: Terms,
    *,
    vendor: str,
    model: str,
    before: Sequence[ModelPrices] = (),
    beside: Sequence[PricedBeside] = (),
) -> Bill | None:
    """None for a model without a price, if the account pays.

    `model` is the vendor's own name of it. `before` are the prices of the first calls, where another target may have
    answered them; `prices` are those of all others. `beside`: what was used besides.
    """
    if not terms.pays:
        return Bill(Decimal(0), usage.source)
    calls = unit_counts.of_calls(usage)
    found = cost.of_priced(
        [(units, before[number] if number < len(before) else prices) for number, units in enumerate(calls)],
        markup_percent=terms.markup_percent or Decimal(0),
        beside=beside,
    )
    if found is None:
        return None
    amount, most = found.amount, terms.max_cost
    explanation = explanations.of(found, vendor=vendor, model=model)
    if most is not None and amount > most:
        # Only what was estimated could be stopped in time: the caller does not pay for the mistake.
        amount, explanation = most, {**explanation, "max_cost": f"{most.normalize():f}"}
    return Bill(amount, usage.source, explanation)
