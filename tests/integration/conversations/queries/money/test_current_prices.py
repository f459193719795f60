"""The prices of a process: no query for a run, every change within seconds, and a clear word without the database."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, connections
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from conversations import errors
from conversations.queries.money.current_prices import FRESH_SECONDS, GOOD_SECONDS, CurrentPrices
from conversations.rules.prices.price_book import PriceBook
from conversations.services.money import prices
from conversations.values.prices import UnitKind
from tests.builders.factories import PriceFactory

pytestmark = pytest.mark.django_db


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def current(clock: Clock) -> CurrentPrices:
    return CurrentPrices(clock=clock)


def amount(book: PriceBook, model: str = "m", *, after: timedelta = timedelta(0)) -> Decimal | None:
    at = timezone.now() + after
    found = book.prices_of(vendor="openai", model=model, at=at).row(UnitKind.INPUT, input_tokens=0)
    return found.amount if found else None


def test_a_run_costs_no_query(current: CurrentPrices, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    PriceFactory.create(model="m")
    book = current.book()

    with django_assert_num_queries(0):
        again = current.book()

    assert amount(book) == Decimal("2.5")
    assert again is book


def test_an_unchanged_table_is_not_read_again(
    current: CurrentPrices, clock: Clock, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    PriceFactory.create(model="m")
    book = current.book()
    clock.now += GOOD_SECONDS + 1

    with django_assert_num_queries(1):
        again = current.book()

    assert again is book


@pytest.mark.parametrize("seconds", [FRESH_SECONDS, GOOD_SECONDS])
def test_a_new_price_is_seen_at_the_next_look(current: CurrentPrices, clock: Clock, seconds: float) -> None:
    PriceFactory.create(model="m")
    current.book()
    prices.add(vendor="openai", model="m", kind="input", amounts={0: Decimal(7)})

    before = amount(current.book(), after=prices.KNOWN_TO_ALL)
    clock.now += seconds
    after = amount(current.book(), after=prices.KNOWN_TO_ALL)

    assert (before, after) == (Decimal("2.5"), Decimal(7))
    assert timedelta(seconds=seconds) < prices.KNOWN_TO_ALL


def test_a_withdrawn_price_is_forgotten(current: CurrentPrices, clock: Clock) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    later = PriceFactory.create(model="m", valid_from=tomorrow)
    book = current.book()
    prices.withdraw(price_ids=[later.pk])
    clock.now += FRESH_SECONDS

    again = current.book()

    at = tomorrow + timedelta(days=1)
    assert book.prices_of(vendor="openai", model="m", at=at).tiers
    assert not again.prices_of(vendor="openai", model="m", at=at).tiers


def test_another_currency_has_other_prices(current: CurrentPrices, clock: Clock, settings: Settings) -> None:
    PriceFactory.create(model="m")
    current.book()
    settings.CURRENCY = "EUR"
    clock.now += FRESH_SECONDS

    assert amount(current.book()) is None


@pytest.fixture
def database_away() -> Iterator[None]:
    """Its socket is gone: every connection is refused, as when the server has stopped."""
    given = dict(connection.settings_dict)
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # only the backend has it
    connection.settings_dict["HOST"] = "/nonexistent"
    connection.settings_dict["OPTIONS"] = {
        **given["OPTIONS"],
        "pool": {**given["OPTIONS"]["pool"], "timeout": 0.2},
    }
    yield
    connection.close_pool()  # type: ignore[attr-defined]  # only the backend has it
    connection.settings_dict.update(given)


@pytest.mark.django_db(transaction=True)
def test_says_when_the_database_is_away(current: CurrentPrices, clock: Clock, database_away: None) -> None:
    with pytest.raises(errors.ServiceUnavailable):
        current.book()


@pytest.mark.django_db(transaction=True)
def test_goes_on_for_a_moment_when_the_database_goes_away(
    clock: Clock, current: CurrentPrices, request: pytest.FixtureRequest
) -> None:
    PriceFactory.create(model="m")
    book = current.book()
    request.getfixturevalue("database_away")

    clock.now += FRESH_SECONDS
    assert current.book() is book
    clock.now += GOOD_SECONDS - FRESH_SECONDS
    with pytest.raises(errors.ServiceUnavailable):
        current.book()


@pytest.mark.django_db(transaction=True)
def test_many_threads_look_once_and_all_see_the_same(current: CurrentPrices, clock: Clock) -> None:
    PriceFactory.create(model="m")
    barrier = threading.Barrier(8, timeout=60)

    def look(_: int) -> PriceBook:
        barrier.wait()
        try:
            return current.book()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        books = list(pool.map(look, range(8)))

    assert len(set(map(id, books))) == 1
    assert amount(books[0]) == Decimal("2.5")


@pytest.mark.django_db(transaction=True)
def test_others_go_on_while_one_looks(current: CurrentPrices, clock: Clock) -> None:
    """The look waits for a lock that only this test releases."""
    PriceFactory.create(model="m")
    book = current.book()
    clock.now += FRESH_SECONDS
    held, release = threading.Event(), threading.Event()

    def hold_table() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute("LOCK TABLE conversations_price IN ACCESS EXCLUSIVE MODE")
                held.set()
                release.wait(60)
                cursor.execute("ROLLBACK")
        finally:
            connections.close_all()

    def look() -> PriceBook:
        try:
            return current.book()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        holding = pool.submit(hold_table)
        held.wait(60)
        looking = pool.submit(look)
        while not current._looking.locked():
            time.sleep(0.01)
        assert current.book() is book
        assert not looking.done()
        release.set()
        assert looking.result(60) is book
        holding.result(60)
