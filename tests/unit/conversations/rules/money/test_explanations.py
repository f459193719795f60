"""Why something cost what it did, as JSON."""

from decimal import Decimal

from conversations.rules.money import cost, explanations, unit_counts
from conversations.rules.money.explanations import CALLS_SHOWN
from providers.messages import Usage
from tests.unit.conversations.rules.prices.price_rows import prices, row

PRICES = prices(row("input", "1"), row("input", "10", tier=1000), row("output", "2"))


def lines(*calls: Usage) -> list[tuple[int, str, int, str]]:
    found = cost.of_calls([unit_counts.of_usage(call) for call in calls], PRICES)
    assert found is not None
    shown = explanations.of(found, vendor="v", model="m")
    assert Decimal(shown["cost"]) == sum(Decimal(line["amount"]) for line in shown["lines"])
    return [(line.get("call", 1), line["kind"], line["units"], line["amount"]) for line in shown["lines"]]


def test_says_of_each_call_what_it_cost() -> None:
    assert lines(Usage(100, 10), Usage(1000, 20)) == [
        (1, "input", 100, "0.0001"),
        (1, "output", 10, "0.00002"),
        (1, "call", 1, "0"),
        (2, "input", 1000, "0.01"),
        (2, "output", 20, "0.00004"),
        (2, "call", 1, "0"),
    ]


def test_adds_many_calls_up_by_kind_and_price() -> None:
    assert lines(Usage(1000, 10), *[Usage(100, 10)] * CALLS_SHOWN) == [
        (1, "input", 1000, "0.01"),
        (1, "output", 170, "0.00034"),
        (1, "call", 17, "0"),
        (1, "input", 1600, "0.0016"),
    ]
