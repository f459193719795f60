"""Prices that an operator adds and withdraws."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from conversations import errors
from conversations.models import Price
from conversations.queries.money import current_prices
from conversations.services.money import prices
from tests.builders.factories import PriceFactory

pytestmark = pytest.mark.django_db

GIVEN: dict[str, Any] = {"vendor": "openai", "model": "gpt-x", "kind": "input", "amounts": {0: Decimal("1.5")}}


def test_adds_a_price_with_its_tiers_from_when_all_processes_know_it() -> None:
    before = timezone.now()

    price = prices.add(**{**GIVEN, "amounts": {1000: Decimal(3), 0: Decimal("1.5")}})

    rows = Price.objects.order_by("from_input_tokens")
    assert [(row.from_input_tokens, row.amount) for row in rows] == [(0, Decimal("1.5")), (1000, 3)]
    assert {(row.source, row.currency, row.valid_from) for row in rows} == {("admin", "USD", price.valid_from)}
    assert price.pk == rows[0].pk
    known_to_all = timedelta(seconds=current_prices.GOOD_SECONDS + 1)
    # The clocks of this process and of the database are one.
    assert before + known_to_all <= price.valid_from <= timezone.now() + known_to_all


def test_adds_a_price_from_a_date_on() -> None:
    tomorrow = timezone.now() + timedelta(days=1)

    assert prices.add(**GIVEN, valid_from=tomorrow).valid_from == tomorrow


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"vendor": "acme"}, "The vendor is not known."),
        ({"model": "a*b"}, "The model may have * only at its end, where it stands for any ending."),
        ({"model": "a\x00"}, "The model must have 1 to 200 characters."),
        ({"kind": "dreams"}, "The kind is not known."),
        ({"amounts": {}}, "There must be a price for the shortest prompts."),
        ({"amounts": {5: Decimal(1)}}, "There must be a price for the shortest prompts."),
        ({"amounts": {0: Decimal(1), -1: Decimal(1)}}, "There must be a price for the shortest prompts."),
        ({"amounts": {0: Decimal(-1)}}, "A price must be from 0 to 100,000, not -1."),
        ({"amounts": {0: Decimal("NaN")}}, "A price must be from 0 to 100,000, not NaN."),
        ({"amounts": {0: Decimal("1e-11")}}, "A price must have at most 10 decimals."),
        (
            {"valid_from": timezone.now() - timedelta(minutes=1)},
            "A price cannot begin in the past: runs may have been paid.",
        ),
    ],
)
def test_refuses_what_is_no_price(given: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.InvalidRequest) as refusal:
        prices.add(**{**GIVEN, **given})

    assert refusal.value.message == message
    assert not Price.objects.exists()


def test_refuses_a_second_price_from_the_same_moment() -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    prices.add(**GIVEN, valid_from=tomorrow)

    with pytest.raises(errors.InvalidRequest, match="There is a price of this kind from that moment already"):
        prices.add(**GIVEN, valid_from=tomorrow)

    assert Price.objects.count() == 1


def test_withdraws_what_is_not_valid_yet_and_nothing_else() -> None:
    valid = PriceFactory.create()
    later = prices.add(**GIVEN, valid_from=timezone.now() + timedelta(days=1))

    assert prices.withdraw(price_ids=[valid.pk, later.pk]) == 1
    assert list(Price.objects.all()) == [valid]


def test_withdraws_all_tiers_of_a_price_and_no_other_price() -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    tiered = {**GIVEN, "amounts": {0: Decimal(1), 200_001: Decimal(2), 500_001: Decimal(3)}}
    prices.add(**tiered, valid_from=tomorrow)
    longest = Price.objects.get(from_input_tokens=500_001)
    others = [
        prices.add(**tiered, valid_from=tomorrow + timedelta(days=1)),
        prices.add(**{**tiered, "model": "another"}, valid_from=tomorrow),
    ]

    assert prices.withdraw(price_ids=[longest.pk]) == 3
    assert set(Price.objects.filter(from_input_tokens=0)) == set(others)
    assert Price.objects.count() == 6


def test_withdraws_nothing_that_a_process_may_still_use() -> None:
    soon = PriceFactory.create(valid_from=timezone.now() + prices.WITHDRAWN_BEFORE - timedelta(seconds=1))

    assert prices.withdraw(price_ids=[soon.pk]) == 0
    assert list(Price.objects.all()) == [soon]
