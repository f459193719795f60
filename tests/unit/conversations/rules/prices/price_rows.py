"""Rows of prices as tests write them."""

from datetime import UTC, datetime
from decimal import Decimal

from conversations.rules.prices.price_book import ModelPrices, PriceBook
from conversations.values.prices import PriceRow, PriceSource, UnitKind

JANUARY, MARCH, MAY, JULY = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 3, 5, 7))


def row(
    kind: str,
    amount: str,
    *,
    model: str = "m",
    vendor: str = "v",
    at: datetime = JANUARY,
    source: str = "shipped",
    tier: int = 0,
) -> PriceRow:
    return PriceRow(vendor, model, UnitKind(kind), Decimal(amount), at, PriceSource(source), "USD", tier)


def prices(*rows: PriceRow, model: str = "m", at: datetime = JULY) -> ModelPrices:
    return PriceBook(rows).prices_of(vendor="v", model=model, at=at)
