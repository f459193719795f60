"""`/healthz`: this process is alive. `/readyz`: everything that a turn needs works too.

`failing` names what does not: the `database` does not answer; `redis` takes no writes; a `broker` of its own does not
answer; `worker` or `upkeep`: none has
renewed its lease, or one reports a dead thread; `sweep`: none has finished for a minute, because each fails, or because
nobody asks for one.

Both answer requests by address too, as load balancers send them: ALLOWED_HOSTS is not checked here.
"""

import asyncio
import time

from django.conf import settings
from django.db import DatabaseError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from conversations import broker
from conversations.brokers.protocol import BrokerAway
from conversations.loop_local import LoopLocal
from conversations.queries import readiness
from conversations.views.http import threadpool
from conversations.views.http.base import json_response
from conversations.views.http.cached_check import CachedCheck
from conversations.views.http.follower import follower

PATIENCE_SECONDS = 3.0
# These start after the web processes, and are not reported as failing until then.
STARTING_SECONDS = 60.0
STARTS_LATER = ("upkeep", "sweep")

_began = time.monotonic()


@require_safe
async def healthz(_request: HttpRequest) -> HttpResponse:
    return json_response({"status": "ok"})


@require_safe
async def readyz(_request: HttpRequest) -> HttpResponse:
    # Open to everybody, without a limit: so requests at about the same time share one check.
    failing = await _check.get().failing()
    body = {"status": "unavailable" if failing else "ok", "failing": failing}
    return json_response(body, status=503 if failing else 200)


async def _failing() -> list[str]:
    found = await asyncio.gather(_database(), _redis(), _broker())
    return [name for names in found for name in names]


async def _database() -> list[str]:
    """Workers are known by their rows: without the database nothing else can be said."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            missing = await threadpool.call(readiness.missing)
    except (DatabaseError, OSError, TimeoutError):
        return ["database"]
    is_starting = time.monotonic() - _began < STARTING_SECONDS
    return [name for name in missing if not (is_starting and name in STARTS_LATER)]


async def _redis() -> list[str]:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return [] if await follower().takes_writes() else ["redis"]
    except (RedisError, OSError, TimeoutError):
        return ["redis"]


async def _broker() -> list[str]:
    if settings.BROKER_URL == settings.REDIS_URL:
        return []
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await threadpool.call(broker.check)
    except (BrokerAway, OperationalError, TimeoutError):
        return ["broker"]
    return []


_check = LoopLocal(lambda: CachedCheck(_failing, event="readiness_changed"))
