"""What vectors cost that a vendor makes for a knowledge base: of passages, and of questions."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from conversations import errors, routing
from conversations.queries.money import current_prices
from conversations.rules.money import cost, reservations
from conversations.rules.prices import beside
from conversations.rules.prices.beside import PricedBeside
from conversations.rules.prices.price_book import ModelPrices
from conversations.values.requests import Operation
from providers import tokens
from providers.catalog import Target
from providers.messages import UsedBeside


def has_price(target: Target) -> bool:
    """Raises ServiceUnavailable when prices cannot be read."""
    prices = _prices(target.vendor, target.model)
    return bool(reservations.estimates([prices], input_tokens=1, output_tokens=0, markup_percent=Decimal(0)))


def estimate(embedding: str, texts: Sequence[str], *, markup_percent: Decimal) -> Decimal:
    """Of one call, at the dearest of the model's targets that have a price.

    Raises ModelNotPriced where none has, ServiceUnavailable when prices cannot be read, and as `routing.for_model`.
    """
    targets = routing.for_model(embedding, operation=Operation.EMBEDDING)
    amounts = reservations.estimates(
        [_prices(routed.target.vendor, routed.target.model) for routed in targets],
        input_tokens=tokens.estimate_bare(texts),
        output_tokens=0,
        markup_percent=markup_percent,
    )
    if not amounts:
        raise errors.ModelNotPriced(f"The model {embedding} has no price here.")
    return max(amounts)


def priced(used: UsedBeside) -> PricedBeside:
    """At the prices of this moment. Raises ServiceUnavailable when they cannot be read."""
    return beside.priced((used,), current_prices.book(), at=datetime.now(UTC))[0]


def cost_of(used: PricedBeside, *, markup_percent: Decimal) -> cost.Cost | None:
    """None where it has no price."""
    return cost.of(used.units, used.prices, markup_percent=markup_percent)


def _prices(vendor: str, model: str) -> ModelPrices:
    return current_prices.book().prices_of(vendor=vendor, model=model, at=datetime.now(UTC))
