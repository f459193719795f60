"""What the database refuses of a price: to change it, to take it back, and numbers that are none."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone

from conversations.models import Account, Price
from conversations.stores import refusals
from tests.builders.factories import AccountFactory, PriceFactory

pytestmark = pytest.mark.django_db

NEVER_CHANGED = "price_is_never_changed"


def constraint_broken(act: Any) -> str:
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        act()
    return refusals.constraint(refused.value)


def tomorrow() -> Any:
    return timezone.now() + timedelta(days=1)


@pytest.mark.parametrize("change", [{"amount": 1}, {"valid_from": "2030-01-01T00:00Z"}, {"source": "admin"}])
def test_a_price_is_never_changed(change: dict[str, Any]) -> None:
    valid, later = PriceFactory.create(), PriceFactory.create(valid_from=tomorrow())

    for price in (valid, later):
        rows = Price.objects.filter(pk=price.pk)
        assert constraint_broken(lambda rows=rows: rows.update(**change)) == NEVER_CHANGED


def test_a_price_that_is_valid_is_not_deleted_and_one_that_is_not_may_be() -> None:
    valid, later = PriceFactory.create(), PriceFactory.create(valid_from=tomorrow())

    assert constraint_broken(valid.delete) == NEVER_CHANGED
    later.delete()

    assert list(Price.objects.all()) == [valid]


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"amount": Decimal("-0.0000000001")}, "price_is_no_less_than_nothing"),
        ({"amount": Decimal("100000.0000000001")}, "price_is_no_less_than_nothing"),
        ({"kind": "outptu"}, "price_has_a_known_kind"),
        ({"source": "rumour"}, "price_has_a_known_source"),
        ({"currency": "usd"}, "price_has_a_currency"),
        ({"currency": ""}, "price_has_a_currency"),
        ({"model": ""}, "price_has_a_model"),
        ({"model": "a*b"}, "price_has_a_model"),
        ({"model": "**"}, "price_has_a_model"),
        ({"vendor": ""}, "price_has_a_model"),
        ({"from_input_tokens": -1}, "conversations_price_from_input_tokens_check"),
    ],
)
def test_refuses_what_is_no_price(fields: dict[str, Any], constraint: str) -> None:
    assert constraint_broken(lambda: PriceFactory.create(**fields)) == constraint


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e11"])
def test_refuses_what_is_no_number(amount: str) -> None:
    price = PriceFactory.create()
    copied = "vendor, model, kind, currency, valid_from, source"
    sql = f"INSERT INTO conversations_price ({copied}, amount) SELECT {copied}, %s::numeric FROM conversations_price"

    with pytest.raises((IntegrityError, DataError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, [amount])

    assert list(Price.objects.all()) == [price]


@pytest.mark.parametrize("model", ["*", "gpt-5*", "a b/c:d", "名", "m" * 200])
def test_takes_any_other_name(model: str) -> None:
    assert PriceFactory.create(model=model).pk


def test_a_price_is_said_once() -> None:
    price = PriceFactory.create(model="m")

    assert constraint_broken(lambda: PriceFactory.create(model="m", amount=9)) == "price_is_said_once"
    PriceFactory.create(model="m", source="file")
    PriceFactory.create(model="m", from_input_tokens=1000)
    PriceFactory.create(model="m", currency="EUR")
    assert Price.objects.filter(model=price.model).count() == 4


@pytest.mark.parametrize("percent", ["-0.0001", "1000.0001", "NaN"])
def test_a_markup_is_no_less_than_nothing_and_no_nonsense(percent: str) -> None:
    account = AccountFactory.create()

    with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE conversations_account SET markup_percent = %s::numeric WHERE id = %s", [percent, account.pk]
        )

    assert refusals.constraint(refused.value) == "account_has_a_markup_of_no_less_than_nothing"
    assert Account.objects.get().markup_percent == 0
