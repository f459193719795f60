"""Reads of the price table: all of it as values, what tells one state of it from another, and what holds now."""

from dataclasses import dataclass

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Now

from conversations.models import Price
from conversations.values.prices import PriceRow, PriceSource, UnitKind

_FIELDS = ("vendor", "model", "kind", "amount", "valid_from", "source", "currency", "from_input_tokens", "pk")


@dataclass(frozen=True, slots=True)
class TableState:
    """Rows are only added, and withdrawn before they are valid. So any change changes one of these."""

    rows: int
    newest: int
    sum_of_ids: int


def state(*, currency: str) -> TableState:
    found = Price.objects.filter(currency=currency).aggregate(rows=Count("pk"), newest=Max("pk"), total=Sum("pk"))
    return TableState(found["rows"], found["newest"] or 0, int(found["total"] or 0))


def rows(*, currency: str) -> list[PriceRow]:
    """All prices in the currency, of kinds that this release knows: a newer one may know more."""
    found = Price.objects.filter(currency=currency, kind__in=list(UnitKind), source__in=list(PriceSource))
    return [
        PriceRow(vendor, model, UnitKind(kind), amount, valid_from, PriceSource(source), currency, tokens, key)
        for vendor, model, kind, amount, valid_from, source, currency, tokens, key in found.values_list(*_FIELDS)
    ]


def valid_now(prices: QuerySet[Price]) -> QuerySet[Price]:
    """Those that no later one of the same name, kind and currency has taken the place of, and that hold already.

    Sources sort in the order in which they hold: admin, file, shipped.
    """
    same = {name: OuterRef(name) for name in ("vendor", "model", "kind", "currency")}
    is_later = Q(valid_from__gt=OuterRef("valid_from")) | Q(
        valid_from=OuterRef("valid_from"), source__lt=OuterRef("source")
    )
    later = Price.objects.filter(is_later, **same, valid_from__lte=Now())
    return prices.filter(~Exists(later), valid_from__lte=Now())
