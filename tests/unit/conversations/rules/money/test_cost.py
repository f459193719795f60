"""What units cost, to the last digit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.rules.money import cost, unit_counts
from conversations.rules.money.cost import CostLine
from conversations.rules.prices.price_book import ModelPrices
from conversations.values.prices import UnitCounts, UnitKind
from providers.messages import Usage
from tests.unit.conversations.rules.prices.price_rows import prices, row

INPUT, OUTPUT, CACHED = row("input", "2.5"), row("output", "10"), row("cache_read", "1.25")
BY_TOKEN = prices(INPUT, OUTPUT, CACHED)
FREE = prices(row("input", "0"), row("output", "0"))
UNPRICED = prices()


def amount(usage: Usage, of: ModelPrices = BY_TOKEN, *, markup: str = "0", calls: int = 1) -> str | None:
    found = cost.of(unit_counts.of_usage(usage, calls=calls), of, markup_percent=Decimal(markup))
    return f"{found.amount:f}" if found else None


def test_says_why_it_costs_what_it_costs() -> None:
    usage = Usage(1000, 200, {"cached_tokens": 600})

    found = cost.of(unit_counts.of_usage(usage), BY_TOKEN, markup_percent=Decimal("12.5"))

    assert found is not None
    assert found.amount == Decimal("0.0042187500")
    assert found.markup_percent == Decimal("12.5")
    assert set(found.lines) == {
        CostLine(UnitKind.CACHE_READ, 600, CACHED, Decimal("0.00075")),
        CostLine(UnitKind.INPUT, 400, INPUT, Decimal("0.001")),
        CostLine(UnitKind.OUTPUT, 200, OUTPUT, Decimal("0.002")),
        CostLine(UnitKind.CALL, 1, None, Decimal(0)),
    }


@pytest.mark.parametrize(
    ("usage", "of", "expected"),
    [
        (Usage(1_000_000, 0), BY_TOKEN, "2.5000000000"),
        (Usage(0, 1), BY_TOKEN, "0.0000100000"),
        (Usage(0, 0), BY_TOKEN, "0.0000000000"),
        (Usage(10**9, 10**9), BY_TOKEN, "12500.0000000000"),
        (Usage(5, 5), FREE, "0.0000000000"),
        # No price is not the price 0.
        (Usage(5, 5), UNPRICED, None),
        (Usage(0, 0), UNPRICED, None),
        (Usage(5, 5), prices(INPUT), None),
        (Usage(5, 0), prices(INPUT), "0.0000125000"),
        (Usage(5, 5), prices(row("search", "0.01")), None),
        (Usage(5, 5), prices(row("search", "0.01"), INPUT, OUTPUT), "0.0000625000"),
        # By call: tokens are part of it.
        (Usage(5, 5), prices(row("call", "0.02")), "0.0200000000"),
        (Usage(5, 5), prices(row("call", "0.02"), INPUT, OUTPUT), "0.0200625000"),
        (Usage(5, 5, searches=3), prices(row("search", "0.01"), INPUT, OUTPUT), "0.0300625000"),
        (Usage(5, 5, searches=3), BY_TOKEN, "0.0000625000"),
        # Kinds without a price of their own.
        (Usage(10, 0, {"cached_tokens": 10}), prices(INPUT), "0.0000250000"),
        (Usage(10, 0, {"cache_write_tokens": 10}), prices(INPUT), "0.0000250000"),
        (Usage(10, 0, {"cache_write_tokens": 10}, cache_write_1h_tokens=10),
         prices(INPUT, row("cache_write_5m", "3")), "0.0000300000"),
        (Usage(10, 0, {"cache_write_tokens": 10}, cache_write_1h_tokens=10),
         prices(INPUT, row("cache_write_5m", "3"), row("cache_write_1h", "5")), "0.0000500000"),
        (Usage(0, 10, {}, {"reasoning_tokens": 10}), BY_TOKEN, "0.0001000000"),
        (Usage(0, 10, {}, {"reasoning_tokens": 10}), prices(OUTPUT, row("reasoning", "20")), "0.0002000000"),
        (Usage(10, 10, {"image_tokens": 10}, {"audio_tokens": 10}), BY_TOKEN, "0.0001250000"),
        (Usage(10, 10, {"audio_tokens": 10}, {"audio_tokens": 10}),
         prices(INPUT, OUTPUT, row("audio_input", "40"), row("audio_output", "80")), "0.0012000000"),
    ],
)  # fmt: skip
def test_costs_exactly(usage: Usage, of: ModelPrices, expected: str | None) -> None:
    assert amount(usage, of) == expected


def test_a_price_of_calls_is_paid_for_each_of_them() -> None:
    assert amount(Usage(5, 5), prices(row("call", "0.02")), calls=3) == "0.0600000000"


def test_all_tokens_of_a_long_prompt_have_the_price_of_its_tier() -> None:
    of = prices(INPUT, row("input", "5", tier=1001), OUTPUT, row("output", "15", tier=1001), CACHED)

    assert amount(Usage(1000, 100), of) == "0.0035000000"
    assert amount(Usage(1001, 100), of) == "0.0065050000"
    # Cached tokens lengthen the prompt.
    assert amount(Usage(1001, 0, {"cached_tokens": 1000}), of) == "0.0012550000"


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        # Of one token: ten decimals of a millionth of it, half to even.
        ("0.0001", "0.0000000001"),
        ("0.00005", "0.0000000000"),
        ("0.00015", "0.0000000002"),
        ("0.00025", "0.0000000002"),
        ("0.0000500001", "0.0000000001"),
    ],
)
def test_rounds_half_to_even_at_the_tenth_decimal(price: str, expected: str) -> None:
    assert amount(Usage(1, 0), prices(row("input", price))) == expected


def test_rounds_once_after_all_has_been_added() -> None:
    # Each of the three lines alone would round to nothing.
    third = [row(kind, "0.00004") for kind in ("input", "output", "cache_read")]

    assert amount(Usage(2, 1, {"cached_tokens": 1}), prices(*third)) == "0.0000000001"


def test_adds_the_markup_before_it_rounds() -> None:
    assert amount(Usage(1, 0), prices(row("input", "0.00004")), markup="25") == "0.0000000000"
    assert amount(Usage(1, 0), prices(row("input", "0.00004")), markup="25.0001") == "0.0000000001"
    assert amount(Usage(1_000_000, 0), markup="1000") == "27.5000000000"


def test_costs_no_more_than_a_column_can_hold() -> None:
    dear = prices(*(row(kind, "100000") for kind in ("input", "output", "call", "search")))

    found = amount(Usage(10**12, 10**12, searches=10_000), dear, markup="1000", calls=10**6)

    assert found == "9999999999.9999999999"


def test_estimates_a_question() -> None:
    units = unit_counts.estimated(input_tokens=1000, output_tokens=256)

    found = cost.of(units, BY_TOKEN, markup_percent=Decimal(10))

    assert found is not None
    assert found.amount == Decimal("0.0055660000")


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("0.0042187500", "0.004219"),
        ("0.0000005", "0"),
        ("0.0000015", "0.000002"),
        ("0.0000025", "0.000002"),
        ("10.0000000000", "10"),
        ("100", "100"),
        ("0.1000000000", "0.1"),
        ("9999999999.9999999999", "10000000000"),
        ("0", "0"),
        ("-0.0000000001", "0"),
    ],
)
def test_shows_callers_six_decimals_at_most(amount: str, expected: str) -> None:
    assert str(cost.on_wire(Decimal(amount))) == expected


prices_of_one = st.decimals(min_value=0, max_value=100_000, places=10)
all_counts = st.dictionaries(st.sampled_from(UnitKind), st.integers(min_value=1, max_value=10**9))


@given(all_counts, st.fixed_dictionaries(dict.fromkeys(UnitKind, prices_of_one)))
def test_a_cost_is_the_sum_of_its_lines(units: dict[UnitKind, int], of: dict[UnitKind, Decimal]) -> None:
    found = cost.of(UnitCounts(units), prices(*(row(kind, str(price)) for kind, price in of.items())))

    assert found is not None
    assert {line.kind: line.units for line in found.lines} == units
    assert all(line.amount * line.kind.units_priced == of[line.kind] * line.units for line in found.lines if line.price)
    exact = sum(int(line.amount * 10**16) for line in found.lines)
    assert abs(int(found.amount * 10**16) - exact) <= 10**6 // 2 or found.amount == cost.MAX_AMOUNT


def test_each_call_has_the_tier_of_its_own_prompt() -> None:
    tiered = prices(row("input", "1"), row("input", "10", tier=1000), row("output", "1"))
    calls = (Usage(600, 100), Usage(600, 100), Usage(1000, 100))
    together = Usage(2200, 300, of_calls=calls)

    found = cost.of_calls(unit_counts.of_calls(together), tiered)

    assert found is not None
    assert found.amount == Decimal("0.0115")
    assert [(line.call, line.kind.value, line.units, f"{line.amount:f}") for line in found.lines if line.price] == [
        (1, "input", 600, "0.0006"),
        (1, "output", 100, "0.0001"),
        (2, "input", 600, "0.0006"),
        (2, "output", 100, "0.0001"),
        (3, "input", 1000, "0.01"),
        (3, "output", 100, "0.0001"),
    ]


def test_one_unpriced_call_makes_the_whole_unpriced() -> None:
    # The prices of tokens begin with a tier, so a shorter prompt has none.
    odd = prices(row("input", "1", tier=1000), row("output", "1"))
    calls = [unit_counts.of_usage(Usage(1000, 1)), unit_counts.of_usage(Usage(10, 1))]

    assert cost.of_calls(calls[:1], odd) is not None
    assert cost.of_calls(calls, odd) is None
