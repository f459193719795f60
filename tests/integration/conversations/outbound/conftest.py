"""A guarded client for which one loopback address is allowed, and a resolver that answers what the test wants."""

from collections.abc import Iterator

import httpx
import pytest

from conversations.outbound import http
from conversations.outbound.addresses import ranges
from tests.unit.conversations.outbound.answers import Resolver

# Of all loopback addresses only this one is allowed: the others stand for private servers.
OPEN = "127.0.0.1"
CLOSED = "127.0.0.2"


@pytest.fixture
def resolver() -> Resolver:
    return Resolver([OPEN])


@pytest.fixture
def client(resolver: Resolver) -> Iterator[httpx.Client]:
    with http.open_client(allow=ranges([OPEN]), max_connections=4, lookup=resolver) as client:
        yield client
