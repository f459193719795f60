"""Prices that an operator gives in the admin: added from a date on, and withdrawn as long as they are not valid."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from conversations import errors
from conversations.models import Price
from conversations.rules.prices import price_files
from conversations.search import registry
from conversations.stores import refusals
from conversations.values.prices import PriceSource, UnitKind
from providers import catalog

# Within this time every process has read a new price (queries/money/current_prices.py). Valid from the moment it was
# written, it would hold for runs that were accepted by a process which did not know it yet, and reserved at another.
KNOWN_TO_ALL = timedelta(seconds=5)
# Processes may know a withdrawn price for five seconds more (queries/money/current_prices.py): none may use it then.
WITHDRAWN_BEFORE = timedelta(seconds=10)


def add(
    *, vendor: str, model: str, kind: str, amounts: Mapping[int, Decimal], valid_from: datetime | None = None
) -> Price:
    """The row of the shortest prompts. `amounts`: by the number of tokens from which on a prompt has that price.

    `valid_from` None is as soon as all processes know of it. Raises InvalidRequest for what cannot be a price, for a
    moment that has passed, and when there is one from that moment already.
    """
    _check(vendor, model, kind, amounts)
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT clock_timestamp()")
                now: datetime = cursor.fetchone()[0]
            if valid_from is not None and valid_from < now:
                raise errors.InvalidRequest("A price cannot begin in the past: runs may have been paid.")
            begins = valid_from or now + KNOWN_TO_ALL
            rows = [
                Price(
                    vendor=vendor,
                    model=model,
                    kind=kind,
                    amount=amounts[start],
                    currency=settings.CURRENCY,
                    from_input_tokens=start,
                    valid_from=begins,
                    source=PriceSource.ADMIN.value,
                )
                for start in sorted(amounts)
            ]
            return Price.objects.bulk_create(rows)[0]
    except IntegrityError as exc:
        if refusals.constraint(exc) != "price_is_said_once":
            raise
        raise errors.InvalidRequest("There is a price of this kind from that moment already.") from exc


def withdraw(*, price_ids: list[int]) -> int:
    """Takes back those that are not valid yet, nor within seconds, each with its other tiers; the number of rows.

    A tier that was left alone would be the whole price, and shorter prompts would have none.
    """
    same = {name: OuterRef(name) for name in ("vendor", "model", "kind", "valid_from", "source", "currency")}
    chosen = Price.objects.filter(pk__in=price_ids, **same)
    with transaction.atomic():
        return Price.objects.filter(Exists(chosen), valid_from__gt=Now() + WITHDRAWN_BEFORE).delete()[0]


def vendors() -> Mapping[str, str]:
    """Who may have a price, by name, and as people call them: the catalogue's vendors, and the search engines."""
    named = {vendor.name: vendor.display_name for vendor in catalog.builtin().vendors.values()}
    return {**named, **{name: name for name in registry.ENGINES}}


def _check(vendor: str, model: str, kind: str, amounts: Mapping[int, Decimal]) -> None:
    if vendor not in vendors():
        raise errors.InvalidRequest("The vendor is not known.", param="vendor")
    if problem := price_files.name_problem(model):
        raise errors.InvalidRequest(f"The model {problem}.", param="model")
    if kind not in list(UnitKind):
        raise errors.InvalidRequest("The kind is not known.", param="kind")
    if 0 not in amounts or any(not 0 <= start <= price_files.MAX_INPUT_TOKENS for start in amounts):
        raise errors.InvalidRequest("There must be a price for the shortest prompts.", param="amount")
    for amount in amounts.values():
        try:
            price_files.price(amount)
        except ValueError as exc:
            raise errors.InvalidRequest(f"A price {exc}.", param="amount") from exc
