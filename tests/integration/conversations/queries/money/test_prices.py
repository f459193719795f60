"""The price table as values, and what of it holds now."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from conversations.models import Price
from conversations.queries.money import prices
from conversations.rules.prices.price_book import PriceBook
from conversations.values.prices import PriceRow, PriceSource, UnitKind
from tests import plans
from tests.builders.factories import PriceFactory

pytestmark = pytest.mark.django_db

JANUARY, MARCH = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 3))
# 300 models of three kinds, each at five dates, the last of which is yet to come.
FILL = """
INSERT INTO conversations_price (vendor, model, kind, amount, currency, valid_from, source)
SELECT 'openai', 'model-' || m, kind, m, 'USD', now() + (d - 4) * interval '1 day' + interval '1 hour', source
FROM generate_series(1, 300) m, generate_series(1, 5) d,
     unnest(ARRAY['input', 'output', 'cache_read']) kind, unnest(ARRAY['shipped', 'admin']) source;
ANALYZE conversations_price;
"""


def test_reads_rows_to_the_last_decimal_and_by_currency() -> None:
    price = PriceFactory.create(
        model="m", kind="cache_write_1h", amount=Decimal("0.0000000001"), from_input_tokens=9, valid_from=MARCH
    )
    PriceFactory.create(currency="EUR")

    assert prices.rows(currency="USD") == [
        PriceRow(
            "openai",
            "m",
            UnitKind.CACHE_WRITE_1H,
            Decimal("0.0000000001"),
            MARCH,
            PriceSource.SHIPPED,
            "USD",
            9,
            price.pk,
        )
    ]


def test_leaves_out_kinds_of_a_later_release() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE conversations_price DROP CONSTRAINT price_has_a_known_kind")
    PriceFactory.create(kind="dreams")
    known = PriceFactory.create()

    assert [row.price_id for row in prices.rows(currency="USD")] == [known.pk]


def test_every_change_is_another_state() -> None:
    states = [prices.state(currency="USD")]
    later = [PriceFactory.create(valid_from=timezone.now() + timedelta(days=1)) for _ in range(2)]
    states.append(prices.state(currency="USD"))
    later[0].delete()
    states.append(prices.state(currency="USD"))
    PriceFactory.create()
    states.append(prices.state(currency="USD"))
    later[1].delete()
    states.append(prices.state(currency="USD"))
    PriceFactory.create(currency="EUR")

    assert len(set(states)) == 5
    assert prices.state(currency="USD") == states[-1]


def test_valid_now_is_what_the_price_book_says() -> None:
    for at in (JANUARY, MARCH, timezone.now() + timedelta(days=1)):
        for source in PriceSource:
            PriceFactory.create(model="m", valid_from=at, source=source.value)
    PriceFactory.create(model="m", valid_from=MARCH, source="admin", from_input_tokens=1000)
    PriceFactory.create(model="other", valid_from=timezone.now() + timedelta(days=1))

    found = prices.valid_now(Price.objects.all())

    book = PriceBook(prices.rows(currency="USD"))
    tiers = book.prices_of(vendor="openai", model="m", at=timezone.now()).tiers[UnitKind.INPUT]
    assert {price.pk for price in found} == {row.price_id for row in tiers}
    assert [(row.valid_from, row.source, row.from_input_tokens) for row in tiers] == [
        (MARCH, PriceSource.ADMIN, 0),
        (MARCH, PriceSource.ADMIN, 1000),
    ]


def test_what_is_valid_now_is_found_by_the_index_among_thousands() -> None:
    with connection.cursor() as cursor:
        cursor.execute(FILL)
    of_one_model = Price.objects.filter(vendor="openai", model="model-7")

    plan = plans.plan_of(prices.valid_now(of_one_model), analyze=True)
    page = plans.plan_of(prices.valid_now(Price.objects.order_by("-pk"))[:50], analyze=True)

    assert plans.read_from_end_to_end(plan) == set()
    assert plans.rows_read(plan) <= 200
    assert len(prices.valid_now(of_one_model)) == 3
    assert {node["Index Name"] for node in plan if "Index Name" in node} == {"price_is_said_once"}
    # A whole list reads the table of 9,000 rows twice, not once for each of its rows.
    assert plans.rows_read(page) <= 20_000
