"""Brings the price table up to the price files. Safe to repeat, and in many places at once."""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from conversations.models import Price
from conversations.queries.money import prices
from conversations.rules.prices import price_changes
from conversations.rules.prices.price_changes import DatedPrice, PriceChanges
from conversations.services.money import price_files
from conversations.services.transactions import retry_on_deadlock
from conversations.values.prices import PriceSource

INSERT_ROWS = 1000


@retry_on_deadlock
def update() -> PriceChanges:
    """What was written. Raises PriceFileError."""
    own, shipped = price_files.own(), price_files.shipped()
    with transaction.atomic():
        now = _lock()
        changes = price_changes.decide(
            # Prices in another currency mean nothing here.
            shipped=shipped.entries if shipped.currency == settings.CURRENCY else (),
            own=own.entries if own else (),
            known=prices.rows(currency=settings.CURRENCY),
            now=now,
        )
        for price in changes.withdrawn:
            _rows(price).delete()
        _insert(changes.shipped, PriceSource.SHIPPED)
        _insert(changes.from_file, PriceSource.FILE)
    return changes


def _lock() -> datetime:
    """One update at a time; whoever reads prices goes on. Returns the database's time once the table is ours."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE conversations_price IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def _rows(price: DatedPrice) -> QuerySet[Price]:
    vendor, model, kind = price.name
    return Price.objects.filter(
        vendor=vendor,
        model=model,
        kind=kind,
        valid_from=price.valid_from,
        source=PriceSource.FILE.value,
        currency=settings.CURRENCY,
    )


def _insert(found: Iterable[DatedPrice], source: PriceSource) -> None:
    rows = [
        Price(
            vendor=vendor,
            model=model,
            kind=kind.value,
            amount=amount,
            currency=settings.CURRENCY,
            from_input_tokens=from_input_tokens,
            valid_from=price.valid_from,
            source=source.value,
        )
        for price in found
        for vendor, model, kind in [price.name]
        for from_input_tokens, amount in price.tiers.items()
    ]
    Price.objects.bulk_create(rows, batch_size=INSERT_ROWS)
