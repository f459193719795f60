"""The Redis clients of sync code: one of each per process, safe for all its threads."""

from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.retry import Retry

# Long enough for a busy Redis, short enough that its absence holds up nothing that can do without it.
TIMEOUT_SECONDS = 2.0
# Shorter where somebody waits for the command: a request, or a transaction that has just committed.
HURRIED_SECONDS = 1.0


@cache
def client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
    )


def hurried(url: str | None = None) -> redis.Redis:
    """For commands that somebody waits for. Repeats one only when its connection broke while idle.

    `url`: another Redis than the one with the live logs.
    """
    return _hurried(url or settings.REDIS_URL)


@cache
def _hurried(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_timeout=HURRIED_SECONDS,
        socket_connect_timeout=HURRIED_SECONDS,
        retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionLost,)),
    )
