"""One client for all these tests, as in a process of ours, and a fresh vendor for each."""

from collections.abc import Iterator

import httpx
import pytest

from providers.http import open_client
from tests.fakes.upstream import FakeUpstream


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with open_client(max_connections=128) as client:
        yield client


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream
