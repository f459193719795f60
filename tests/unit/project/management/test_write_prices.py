"""What the shipped price list says of prices as genai-prices has them. Its objects are replaced by plain ones."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from conversations.rules.prices import price_files
from conversations.rules.prices.price_files import PriceEntry
from project.management.commands import write_prices

TODAY = date(2026, 11, 26)


class Prices:
    """As the package's: what is not given is None."""

    def __init__(self, **given: Any) -> None:
        self.__dict__.update(given)

    def __getattr__(self, name: str) -> None:
        return None


def tiered(base: str, *tiers: tuple[int, str]) -> Any:
    return SimpleNamespace(
        base=Decimal(base), tiers=[SimpleNamespace(start=start, price=Decimal(price)) for start, price in tiers]
    )


def model(name: str, get: Callable[[datetime], Prices], *, equal_to: tuple[str, ...] = (), starts: Any = ()) -> Any:
    clauses = [SimpleNamespace(equals=other) for other in equal_to]
    constraints = [SimpleNamespace(constraint=SimpleNamespace(start_date=start)) for start in starts]
    return SimpleNamespace(id=name, match=SimpleNamespace(or_=clauses), prices=constraints, get_prices=get)


def written(*models: Any, previous: tuple[PriceEntry, ...] = (), provider: str = "x-ai") -> list[str]:
    made = SimpleNamespace(id=provider, models=models, find_model=lambda _: None)
    return [line.strip() for line in write_prices.lines([made], previous, today=TODAY)]


def always(**given: Any) -> Callable[[datetime], Prices]:
    return lambda _: Prices(**given)


def test_writes_each_kind_and_tier() -> None:
    get = always(
        input_mtok=tiered("2.5", (272_000, "5")),
        output_mtok=Decimal(10),
        cache_read_mtok=Decimal("0.25"),
        cache_write_mtok=Decimal(3),
        web_searches_kcount=Decimal(10),
        audio_hours=Decimal(1),
    )

    assert written(model("m", get)) == [
        '{ vendor = "xai", model = "m", from = 2026-11-26, input = 2.5, cache_read = 0.25, cache_write_5m = 3, '
        "output = 10, search = 0.01, tiers = [{ from_input_tokens = 272_001, input = 5 }] },"
    ]


def test_writes_every_name_of_a_model_sorted() -> None:
    lines = written(model("m", always(input_mtok=Decimal(1)), equal_to=("z", "a")))

    assert [line.split('"')[3] for line in lines] == ["a", "m", "z"]


def test_leaves_out_what_is_not_charged_by_tokens_and_other_vendors() -> None:
    assert written(model("m", always(audio_hours=Decimal(1)))) == []
    assert written(model("m", always(input_mtok=Decimal(1))), provider="acme") == []


def test_takes_the_dearest_hour_of_the_day() -> None:
    def by_hour(at: datetime) -> Prices:
        return Prices(input_mtok=Decimal(3 if time(1) <= at.time() < time(4) else 1), output_mtok=Decimal(2))

    (line,) = written(model("m", by_hour))

    assert "input = 3, output = 2" in line


def test_takes_the_vendors_dates_and_what_is_to_come() -> None:
    begun, coming = date(2026, 7, 30), date(2027, 1, 1)

    def by_date(at: datetime) -> Prices:
        return Prices(input_mtok=Decimal(2 if at.date() >= coming else 1))

    assert written(model("m", by_date, starts=[date(2026, 1, 1), begun, coming])) == [
        '{ vendor = "xai", model = "m", from = 2026-07-30, input = 1 },',
        '{ vendor = "xai", model = "m", from = 2027-01-01, input = 2 },',
    ]


@pytest.mark.parametrize(("amount", "since"), [("1", "2026-02-03"), ("1.5", "2026-11-26")])
def test_a_price_that_has_not_changed_keeps_its_date(amount: str, since: str) -> None:
    text = 'currency = "USD"\n[[prices]]\nvendor = "xai"\nmodel = "m"\nfrom = 2026-02-03\ninput = 1.00\n'
    previous = price_files.parse(text.encode(), vendors=["xai"]).entries

    (line,) = written(model("m", always(input_mtok=Decimal(amount))), previous=previous)

    assert f"from = {since}" in line
    assert previous[0].valid_from == datetime(2026, 2, 3, tzinfo=UTC)
