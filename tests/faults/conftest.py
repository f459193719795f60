"""One proxied service for all faults that it survives."""

from collections.abc import Iterator

import pytest

from tests.faults.harness.environment import ProxiedEnvironment, proxied


@pytest.fixture(scope="session")
def proxied_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedEnvironment]:
    with proxied(tmp_path_factory.mktemp("faults")) as environment:
        yield environment


@pytest.fixture(scope="session")
def notified_environment(proxied_environment: ProxiedEnvironment) -> Iterator[ProxiedEnvironment]:
    """The same service for an account that has endpoints. Its runs end by other statements for ever after."""
    with proxied_environment.of_account("notified") as environment:
        yield environment


@pytest.fixture
def environment(proxied_environment: ProxiedEnvironment) -> ProxiedEnvironment:
    """The same, with every role alive and nothing asked or planned yet."""
    proxied_environment.reset()
    return proxied_environment
