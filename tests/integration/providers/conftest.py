"""One transport for all these tests, as in a worker process, and a new vendor for each."""

from collections.abc import Iterator

import httpx
import pytest

from providers.transport.http import open_transport
from tests.fakes.upstream import FakeUpstream


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.HTTPTransport]:
    with open_transport(max_connections=128) as transport:
        yield transport


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream
