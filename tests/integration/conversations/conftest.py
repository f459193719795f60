"""What tests of services share."""

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings


@pytest.fixture
def valkey() -> Iterator[redis.Redis]:
    """Empty before and after."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()
        yield client
        client.flushdb()
