"""A marker key that each worker keeps in Redis, by which a sweep knows whether Redis may have lost logs.

While the key is there, Redis has kept all that the worker published. When it is missing, Redis may have been flushed,
or started anew with an empty disk, so an absent log proves nothing. The key is renewed with the worker's heartbeat and
costs a turn nothing.
"""

import redis
import structlog

log = structlog.get_logger(__name__)

# Long enough for a sweep to find a dead worker's runs, even when none runs for a while.
KEEP_SECONDS = 3600


def keep(client: redis.Redis, *, worker_name: str, has_published: bool) -> None:
    """Renews the marker. Once lost it is not set again while the worker has published logs that may be lost with it."""
    try:
        client.set(_key(worker_name), b"", ex=KEEP_SECONDS, xx=has_published)
    except redis.RedisError as exc:
        log.warning("relay_unreachable", worker=worker_name, error=type(exc).__name__)


def remembers(client: redis.Redis, *, worker_name: str) -> bool:
    """Whether Redis still has all that the worker published. Raises RedisError when it does not answer."""
    return bool(client.exists(_key(worker_name)))


def _key(worker_name: str) -> str:
    return f"parley:worker:{worker_name}"
