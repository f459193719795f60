"""What a run costs, and why, by who pays for it."""

from decimal import Decimal

import pytest

from conversations.models import Account
from conversations.queries.money import costs
from conversations.values.money import Bill
from tests import builders
from tests.builders.usage import ended

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


@pytest.fixture(autouse=True)
def prices() -> None:
    builders.money.price(input="1", cache_read="0.5", output="2")


@pytest.mark.parametrize("is_metered", [False, True])
def test_a_run_that_no_money_is_paid_for_is_explained_by_the_list(ann: Account, is_metered: bool) -> None:
    if is_metered:
        builders.money.meter(ann, calls=5)

    found = costs.of_run(ended(ann, bill=Bill(Decimal(0), "reported")))

    assert (found.is_metered, found.cost, found.price) == (is_metered, Decimal(0), Decimal("0.00011"))
    assert [(line["kind"], line["units"]) for line in found.lines] == [
        ("cache_read", 60),
        ("input", 40),
        ("output", 20),
        ("call", 1),
    ]
    assert found.usage_source == "reported"


def test_a_metered_run_that_was_free_of_charge_has_no_price(ann: Account) -> None:
    builders.money.meter(ann, "5")

    found = costs.of_run(ended(ann))

    assert (found.is_metered, found.cost, found.price, found.lines) == (True, Decimal(0), None, ())
