"""Accounts: created once, under a name that can be stored."""

import pytest

from conversations import errors
from conversations.models import Account
from conversations.services.accounts import accounts

pytestmark = pytest.mark.django_db


def test_an_account_is_made_once() -> None:
    assert accounts.get_or_create(name="ann").pk == accounts.get_or_create(name="ann").pk
    assert Account.objects.count() == 1


@pytest.mark.parametrize("name", ["", "x" * 101, "a\x00b", "half \ud83d"])
def test_an_account_needs_a_name_that_can_be_stored(name: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="account name"):
        accounts.get_or_create(name=name)

    assert not Account.objects.exists()
