"""A start with another currency than that of the balances there are."""

import pytest
from pytest_django import Settings

from conversations.models import Account
from project.embedded.errors import CannotStart
from project.supervisor import preparation
from tests import builders

pytestmark = pytest.mark.django_db


def test_balances_in_another_currency_stop_the_start(ann: Account, settings: Settings) -> None:
    builders.money.meter(ann, "0")
    preparation.check_currency()

    settings.CURRENCY = "EUR"

    with pytest.raises(CannotStart, match="CURRENCY is EUR, but there are balances in USD"):
        preparation.check_currency()


def test_the_currency_of_accounts_that_pay_no_money_is_not_asked_for(ann: Account, settings: Settings) -> None:
    builders.money.meter(ann, calls=3)

    settings.CURRENCY = "EUR"

    preparation.check_currency()
