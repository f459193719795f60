"""The table says what the price files say, however often and wherever it is brought up to them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, connections
from django.utils import timezone
from pytest_django import Settings

from conversations.models import Price
from conversations.queries.money import prices as price_queries
from conversations.rules.prices.price_book import PriceBook
from conversations.rules.prices.price_changes import PriceChanges
from conversations.rules.prices.price_files import PriceFileError
from conversations.services.money import price_files, price_updates, prices
from conversations.stores import refusals
from conversations.values.prices import PriceSource, UnitKind
from tests.integration.conversations.services.money.conftest import WriteFile

pytestmark = pytest.mark.django_db

OWN = '{ vendor = "openai", model = "gpt-4o", input = 7, output = 70 },'


def amount(model: str = "gpt-4o", kind: UnitKind = UnitKind.INPUT, tokens: int = 0) -> Decimal | None:
    book = PriceBook(price_queries.rows(currency="USD"))
    found = book.prices_of(vendor="openai", model=model, at=timezone.now()).row(kind, input_tokens=tokens)
    return found.amount if found else None


def rows_of(changes: PriceChanges) -> tuple[int, int, int]:
    return len(changes.shipped), len(changes.from_file), len(changes.withdrawn)


def test_a_first_update_adds_the_shipped_prices_and_a_second_nothing() -> None:
    first = price_updates.update()
    again = price_updates.update()

    said = {
        (entry.vendor, entry.model, found.kind, found.from_input_tokens, found.amount, entry.valid_from)
        for entry in price_files.shipped().entries
        for found in entry.amounts
    }
    stored = {
        (row.vendor, row.model, row.kind, row.from_input_tokens, row.amount, row.valid_from)
        for row in price_queries.rows(currency="USD")
    }
    assert stored == said
    assert set(Price.objects.values_list("source", "currency")) == {("shipped", "USD")}
    assert len(first.shipped) > 500
    assert again == PriceChanges((), (), (), ())


def test_adds_what_is_missing_and_touches_nothing_else() -> None:
    price_updates.update()
    kept = dict(Price.objects.values_list("pk", "created_at"))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE conversations_price DISABLE TRIGGER price_is_never_changed")
        cursor.execute("DELETE FROM conversations_price WHERE model = 'gpt-4o' AND kind = 'output'")
        cursor.execute("ALTER TABLE conversations_price ENABLE TRIGGER price_is_never_changed")

    found = price_updates.update()

    assert [price.name for price in found.shipped] == [("openai", "gpt-4o", UnitKind.OUTPUT)]
    assert len(Price.objects.filter(pk__in=kept)) == len(kept) - 1


def test_prices_of_the_file_hold_before_the_shipped_ones(write_file: WriteFile) -> None:
    price_updates.update()
    write_file(OWN)

    found = price_updates.update()
    again = price_updates.update()

    assert rows_of(found) == (0, 2, 0)
    assert rows_of(again) == (0, 0, 0)
    assert (amount(), amount(kind=UnitKind.OUTPUT), amount(kind=UnitKind.CACHE_READ)) == (
        Decimal(7),
        Decimal(70),
        Decimal("1.25"),
    )
    assert amount("gpt-4o-mini") == Decimal("0.15")


def test_a_shipped_price_that_comes_later_does_not_change_the_files(write_file: WriteFile) -> None:
    """As when a release is installed whose prices are newer than the file."""
    write_file('{ vendor = "openai", model = "gpt-4o", from = 2026-10-01, input = 7 },')

    price_updates.update()

    shipped, own = (
        {price.valid_from for price in Price.objects.filter(model="gpt-4o", kind="input", source=source)}
        for source in ("shipped", "file")
    )
    assert shipped < own == {*shipped, datetime(2026, 10, 1, tzinfo=UTC)}
    assert amount() == 7


def test_a_changed_file_is_a_new_price_from_now_on(write_file: WriteFile) -> None:
    write_file(OWN)
    price_updates.update()
    write_file(OWN.replace("input = 7", "input = 8"))

    found = price_updates.update()

    assert [price.name[2] for price in found.from_file] == [UnitKind.INPUT]
    assert [price.amount for price in Price.objects.filter(source="file", kind="input").order_by("valid_from")] == [
        7,
        8,
    ]
    assert amount() == 8


def test_what_is_not_valid_yet_is_withdrawn_when_the_file_says_it_no_more(write_file: WriteFile) -> None:
    coming = '{ vendor = "openai", model = "gpt-4o", from = 2199-01-01, input = 9 },'
    write_file(OWN + coming)
    price_updates.update()
    write_file(OWN)

    found = price_updates.update()

    assert rows_of(found) == (0, 0, 1)
    assert not Price.objects.filter(amount=9).exists()


def test_refuses_to_change_what_was_valid_and_changes_nothing_else(write_file: WriteFile) -> None:
    dated = '{ vendor = "openai", model = "m", from = 2026-11-01, input = 1 },'
    write_file(dated)
    price_updates.update()
    before = list(Price.objects.values_list("pk", flat=True).order_by("pk"))
    write_file(dated.replace("input = 1", "input = 2") + OWN)

    with pytest.raises(PriceFileError, match=r"PRICES_FILE: \(openai, m\): another price of input has been valid from"):
        price_updates.update()

    assert list(Price.objects.values_list("pk", flat=True).order_by("pk")) == before


def test_in_another_currency_only_the_operators_own_prices_are_there(write_file: WriteFile, settings: Settings) -> None:
    settings.CURRENCY = "EUR"
    path = write_file(OWN)
    path.write_text(path.read_text().replace("USD", "EUR"))

    found = price_updates.update()

    assert rows_of(found) == (0, 2, 0)
    assert set(Price.objects.values_list("source", "currency")) == {("file", "EUR")}


def test_names_a_price_of_the_admin_whose_place_is_taken() -> None:
    prices.add(vendor="openai", model="gpt-4o", kind="input", amounts={0: Decimal(5)})
    # As though it had been given before the shipped price was known.
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE conversations_price DISABLE TRIGGER price_is_never_changed")
        cursor.execute("UPDATE conversations_price SET valid_from = '2026-10-01'")
        cursor.execute("ALTER TABLE conversations_price ENABLE TRIGGER price_is_never_changed")

    found = price_updates.update()

    assert found.replaced == (("openai", "gpt-4o", UnitKind.INPUT),)
    assert amount() == Decimal("2.5")


@pytest.mark.django_db(transaction=True)
def test_two_at_once_write_everything_once(write_file: WriteFile) -> None:
    write_file(OWN)
    barrier = threading.Barrier(2, timeout=60)

    def update(_: int) -> PriceChanges:
        try:
            barrier.wait()
            return price_updates.update()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(update, range(2))

    assert sorted([len(first.from_file), len(second.from_file)]) == [0, 2]
    assert min(len(first.shipped), len(second.shipped)) == 0
    assert Price.objects.filter(source=PriceSource.FILE.value).count() == 2


def test_a_row_that_the_database_refuses_leaves_the_table_as_it_was(write_file: WriteFile) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE conversations_price ADD CONSTRAINT not_seven CHECK (amount <> 7)")
    write_file(OWN)

    with pytest.raises(IntegrityError) as refused:
        price_updates.update()

    assert refusals.constraint(refused.value) == "not_seven"
    assert not Price.objects.exists()


def test_three_thousand_prices_are_one_update(write_file: WriteFile) -> None:
    write_file("\n".join(f'{{ vendor = "openai", model = "m-{n}", input = {n}, output = 1 }},' for n in range(1_500)))

    found = price_updates.update()

    assert len(found.from_file) == 3_000
    assert amount("m-1499") == 1499
    assert rows_of(price_updates.update()) == (0, 0, 0)
