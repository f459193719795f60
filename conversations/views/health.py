"""`/healthz`: this process is alive. `/readyz`: what a turn needs answers too, and is looked after.

`failing` names what is not: the `database` does not answer; `redis` takes no writes; no `worker`, or none for `upkeep`,
was heard of within its lease, or one says that a thread of it died; no `sweep` came to its end for a minute, because it
breaks, or because beat does not ask for one.

Whoever asks by an address instead of a name, as load balancers do, is answered too: ALLOWED_HOSTS is not looked at.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from conversations.queries import readiness
from conversations.views import blocking, turn_reader
from conversations.views.doors import json_response

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 3.0
# Anybody may ask, and as often as they like: all who ask meanwhile get one answer. A bad one is looked into sooner.
READY_SECONDS = 1.0
UNREADY_SECONDS = 0.1
# What comes up after the web processes: a service that has just been started is not blamed for it.
STARTING_SECONDS = 60.0
STARTS_LATER = ("upkeep", "sweep")

_began = time.monotonic()


class Watch:
    """The answer to who asks, found once for all who ask at about the same time. It belongs to one event loop."""

    def __init__(
        self, look: Callable[[], Awaitable[list[str]]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look = look
        self._clock = clock
        self._looking: asyncio.Task[list[str]] | None = None
        self._until = 0.0
        self._known: list[str] = []

    async def failing(self) -> list[str]:
        if self._looking is None or (self._looking.done() and self._clock() >= self._until):
            self._looking = asyncio.create_task(self._ask())
        # Whoever leaves lets the others have theirs.
        return await asyncio.shield(self._looking)

    async def _ask(self) -> list[str]:
        failing = await self._look()
        self._until = self._clock() + (UNREADY_SECONDS if failing else READY_SECONDS)
        if failing != self._known:
            self._known = failing
            log.warning("readiness_changed", failing=",".join(failing) or "nothing")
        return failing


_watches: dict[asyncio.AbstractEventLoop, Watch] = {}


@require_safe
async def healthz(_request: HttpRequest) -> HttpResponse:
    return json_response({"status": "ok"})


@require_safe
async def readyz(_request: HttpRequest) -> HttpResponse:
    watch = _watches.setdefault(asyncio.get_running_loop(), Watch(_failing))
    failing = await watch.failing()
    body = {"status": "unavailable" if failing else "ok", "failing": failing}
    return json_response(body, status=503 if failing else 200)


async def _failing() -> list[str]:
    of_database, of_redis = await asyncio.gather(_database(), _redis())
    return [*of_database, *of_redis]


async def _database() -> list[str]:
    """Workers show themselves by rows: without the database nobody can tell of them."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            missing = await blocking.call(readiness.missing)
    except (DatabaseError, OSError, TimeoutError):
        return ["database"]
    is_starting = time.monotonic() - _began < STARTING_SECONDS
    return [name for name in missing if not (is_starting and name in STARTS_LATER)]


async def _redis() -> list[str]:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return [] if await turn_reader.follower().takes_writes() else ["redis"]
    except (RedisError, OSError, TimeoutError):
        return ["redis"]
