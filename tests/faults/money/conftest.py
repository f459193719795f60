"""The proxied service, for an account that pays."""

from collections.abc import Iterator

import pytest

from tests.faults.harness.environment import ProxiedEnvironment
from tests.faults.money import metered
from tests.faults.money.metered import ACCOUNT, Purse


@pytest.fixture(scope="session")
def metered_environment(proxied_environment: ProxiedEnvironment) -> Iterator[ProxiedEnvironment]:
    with metered.metered(proxied_environment, ACCOUNT) as environment:
        yield environment


@pytest.fixture
def environment(metered_environment: ProxiedEnvironment) -> ProxiedEnvironment:
    """The same, with every role alive and nothing asked or planned yet."""
    metered_environment.reset()
    return metered_environment


@pytest.fixture
def purse(environment: ProxiedEnvironment) -> Purse:
    return Purse(environment, ACCOUNT)
