"""`/healthz`: this process is alive. `/readyz`: what a turn needs answers too, and is looked after.

`failing` names what is not: the `database` does not answer; `redis` takes no writes; no `worker`, or none for `upkeep`,
was heard of within its lease, or one says that a thread of it died; no `sweep` came to its end for a minute, because it
breaks, or because beat does not ask for one.

Whoever asks by an address instead of a name, as load balancers do, is answered too: ALLOWED_HOSTS is not looked at.
"""

import asyncio
import time

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from conversations.loop_local import LoopLocal
from conversations.queries import readiness
from conversations.views.http import threadpool
from conversations.views.http.base import json_response
from conversations.views.http.watch import Watch
from conversations.views.runs import reader

PATIENCE_SECONDS = 3.0
# What comes up after the web processes: a service that has just been started is not blamed for it.
STARTING_SECONDS = 60.0
STARTS_LATER = ("upkeep", "sweep")

_began = time.monotonic()


@require_safe
async def healthz(_request: HttpRequest) -> HttpResponse:
    return json_response({"status": "ok"})


@require_safe
async def readyz(_request: HttpRequest) -> HttpResponse:
    # Anybody may ask, and as often as they like: all who ask meanwhile get one answer.
    failing = await _watch.get().failing()
    body = {"status": "unavailable" if failing else "ok", "failing": failing}
    return json_response(body, status=503 if failing else 200)


async def _failing() -> list[str]:
    of_database, of_redis = await asyncio.gather(_database(), _redis())
    return [*of_database, *of_redis]


async def _database() -> list[str]:
    """Workers show themselves by rows: without the database nobody can tell of them."""
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
            return [] if await reader.follower().takes_writes() else ["redis"]
    except (RedisError, OSError, TimeoutError):
        return ["redis"]


_watch = LoopLocal(lambda: Watch(_failing, event="readiness_changed"))
