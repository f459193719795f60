"""Accounts that the tests of the services share."""

import pytest

from conversations.models import Account
from tests.builders.factories import AccountFactory


@pytest.fixture
def ann() -> Account:
    return AccountFactory.create(name="ann")


@pytest.fixture
def bob() -> Account:
    return AccountFactory.create(name="bob")
