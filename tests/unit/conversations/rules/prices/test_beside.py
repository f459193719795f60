"""What is used beside a run's calls to its model: in its usage, its cost, and in the reports."""

from decimal import Decimal

from conversations.rules.money import cost, explanations, unit_counts, usage_lines, usage_sums
from conversations.rules.prices import beside
from conversations.rules.prices.beside import PricedBeside
from providers import serialization
from providers.messages import Usage, UsedBeside
from tests.unit.conversations.rules.prices.price_rows import prices, row

SEARCH = PricedBeside(beside.of_search("brave"), prices(row("search", "0.005")))
QUESTION = PricedBeside(UsedBeside("openai", "small", input_tokens=10), prices(row("input", "1000")))
BY_TOKEN = prices(row("input", "1000"), row("output", "1000"))
CALLS = Usage(10, 5)


def test_is_stored_and_read_again() -> None:
    usage = usage_sums.with_beside(CALLS, (SEARCH.used, QUESTION.used))

    stored = serialization.dump_usage(usage)

    assert stored["beside"] == [
        {"vendor": "brave", "model": "search", "searches": 1},
        {"vendor": "openai", "model": "small", "input_tokens": 10},
    ]
    assert serialization.load_usage(stored) == usage


def test_is_in_the_sum_of_all_calls_and_in_none_of_them() -> None:
    searched = usage_sums.with_beside(CALLS, (SEARCH.used,))
    embedded = usage_sums.with_beside(None, (QUESTION.used,))

    total = usage_sums.total((searched, embedded, CALLS))

    assert total.beside == (SEARCH.used, QUESTION.used)
    assert total.of_calls == (CALLS, CALLS)
    assert (total.total_tokens, total.searches) == (30, 0)


def test_a_usage_of_it_alone_has_no_call() -> None:
    usage = usage_sums.with_beside(None, (SEARCH.used,))

    assert unit_counts.of_calls(usage) == []
    assert unit_counts.of_calls(Usage(0, 0)) != []


def test_has_lines_of_its_own_and_the_markup() -> None:
    found = cost.of_calls(unit_counts.of_calls(CALLS), BY_TOKEN, markup_percent=Decimal(10), beside=(SEARCH,))

    assert found is not None
    assert found.amount == Decimal("0.022")
    shown = explanations.of(found, vendor="openai", model="gpt")["lines"]
    assert shown[0]["beside"] == {"vendor": "brave", "model": "search"}
    assert all("beside" not in line for line in shown[1:])


def test_without_a_price_is_free_and_leaves_the_rest_as_it_is() -> None:
    unpriced = PricedBeside(SEARCH.used, prices())

    found = cost.of_calls(unit_counts.of_calls(CALLS), BY_TOKEN, beside=(unpriced,))

    assert found is not None
    assert found.amount == Decimal("0.015")


def test_the_price_is_the_runs_and_the_vendors_price_the_vendors() -> None:
    sums = usage_lines.of_end(
        CALLS,
        prices=BY_TOKEN,
        markup_percent=Decimal(0),
        paid=Decimal(0),
        written_off=Decimal(0),
        is_released=False,
        explanation=None,
        beside=(SEARCH,),
    )

    assert (sums["price"], sums["vendor_cost"], sums.get("search")) == (Decimal("0.02"), Decimal("0.015"), None)
    assert usage_lines.of_beside(SEARCH) == {"search": 1, "vendor_cost": Decimal("0.005")}
    assert usage_lines.of_beside(QUESTION) == {"input": 10, "vendor_cost": Decimal("0.01")}
