"""The Redis client of sync code: one per process, safe for all its threads."""

from functools import cache

import redis
from django.conf import settings

# Long enough for a busy Redis, short enough that its absence holds up nothing that can do without it.
TIMEOUT_SECONDS = 2.0


@cache
def client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
    )
