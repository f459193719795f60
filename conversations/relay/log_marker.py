"""A note that each worker keeps in Redis. While it is there, Redis has forgotten nothing that the worker published.

Without it a missing log says nothing: Redis may have been flushed, or started anew with nothing on disk. It costs a
turn nothing.
"""

import redis
import structlog

log = structlog.get_logger(__name__)

# Ample for a dead worker's runs to be found by, should nobody sweep for a while.
KEEP_SECONDS = 3600


def keep(client: redis.Redis, *, worker_name: str, has_published: bool) -> None:
    """Renews the note. One that is gone stays gone while the worker may have published what went with it."""
    try:
        client.set(_key(worker_name), b"", ex=KEEP_SECONDS, xx=has_published)
    except redis.RedisError as exc:
        log.warning("relay_unreachable", worker=worker_name, error=type(exc).__name__)


def remembers(client: redis.Redis, *, worker_name: str) -> bool:
    """Raises RedisError when Redis does not answer."""
    return bool(client.exists(_key(worker_name)))


def _key(worker_name: str) -> str:
    return f"parley:worker:{worker_name}"
