"""Which of several prices holds."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest

from conversations.rules.prices.price_book import PriceBook
from conversations.values.prices import PriceRow, UnitKind
from tests.unit.conversations.rules.prices.price_rows import JANUARY, JULY, MARCH, MAY, prices, row

INSTANT = timedelta(microseconds=1)


def amount(*rows: PriceRow, at: datetime = JULY, model: str = "m", tokens: int = 0) -> str | None:
    found = prices(*rows, at=at, model=model).row(UnitKind.INPUT, input_tokens=tokens)
    return str(found.amount) if found else None


@pytest.mark.parametrize(
    ("at", "expected"),
    [(JANUARY - INSTANT, None), (JANUARY, "1"), (MARCH - INSTANT, "1"), (MARCH, "2"), (MAY - INSTANT, "2"), (MAY, "3")],
)
def test_takes_the_latest_that_is_not_after_the_moment(at: datetime, expected: str | None) -> None:
    rows = [row("input", "2", at=MARCH), row("input", "1"), row("input", "3", at=MAY)]

    assert {amount(*order, at=at) for order in permutations(rows)} == {expected}


def test_of_one_date_takes_the_admins_then_the_files_then_the_shipped_one() -> None:
    admin, file = row("input", "1", source="admin"), row("input", "2", source="file")
    shipped = row("input", "3", source="shipped")

    assert {amount(*order) for order in permutations([admin, file, shipped])} == {"1"}
    assert {amount(*order) for order in permutations([file, shipped])} == {"2"}


def test_takes_a_later_shipped_price_before_an_earlier_one_of_the_admin() -> None:
    assert amount(row("input", "1", source="admin"), row("input", "3", at=MARCH)) == "3"


def test_takes_the_very_name_before_a_pattern_and_a_longer_pattern_before_a_shorter() -> None:
    rows = [
        row("input", "1", model="gpt-5"),
        row("input", "2", model="gpt-5*", at=MAY, source="admin"),
        row("input", "3", model="gpt-*", at=MAY),
        row("input", "4", model="*", at=MAY),
    ]

    found = {model: amount(*rows, model=model) for model in ("gpt-5", "gpt-5-mini", "gpt-4", "o1", "")}

    assert found == {"gpt-5": "1", "gpt-5-mini": "2", "gpt-4": "3", "o1": "4", "": "4"}


def test_takes_a_pattern_for_the_kinds_that_the_name_itself_has_no_price_for() -> None:
    found = prices(row("input", "1"), row("output", "2", model="*"), row("input", "9", model="*"))

    assert {kind: tiers[0].amount for kind, tiers in found.tiers.items()} == {
        UnitKind.INPUT: Decimal(1),
        UnitKind.OUTPUT: Decimal(2),
    }


def test_knows_no_price_of_another_vendor_or_of_a_longer_name() -> None:
    assert prices(row("input", "1", vendor="w"), row("input", "1", vendor="w", model="*")).tiers == {}
    assert prices(row("input", "1", model="mm"), row("input", "1", model="mm*")).tiers == {}


@pytest.mark.parametrize(("tokens", "expected"), [(0, "1"), (999, "1"), (1000, "2"), (1999, "2"), (2000, "3")])
def test_takes_the_tier_of_the_prompts_length(tokens: int, expected: str) -> None:
    rows = [row("input", "3", tier=2000), row("input", "1"), row("input", "2", tier=1000)]

    assert amount(*rows, tokens=tokens) == expected


def test_takes_no_tier_of_an_earlier_price() -> None:
    rows = [row("input", "1"), row("input", "2", tier=1000), row("input", "5", at=MARCH)]

    assert amount(*rows, tokens=5000) == "5"


def test_has_no_price_for_prompts_shorter_than_its_first_tier() -> None:
    assert amount(row("input", "2", tier=1000), tokens=999) is None


def test_thousands_of_prices_are_looked_up_at_once() -> None:
    rows = [row("input", str(number), model=f"m{number}{'*' * (number % 2)}") for number in range(3_000)]
    book = PriceBook(rows)

    found = book.prices_of(vendor="v", model="m2998", at=JULY).row(UnitKind.INPUT, input_tokens=0)

    assert found is not None
    assert found.amount == 2998
