"""`/healthz`: this process is alive. `/readyz`: what a turn needs answers too."""

import asyncio
from collections.abc import Awaitable

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from conversations.queries import readiness
from conversations.views import blocking, turn_reader
from conversations.views.doors import json_response

PATIENCE_SECONDS = 3.0


@require_safe
async def healthz(_request: HttpRequest) -> HttpResponse:
    return json_response({"status": "ok"})


@require_safe
async def readyz(_request: HttpRequest) -> HttpResponse:
    answers = {"database": await _answers(_database()), "redis": await _answers(turn_reader.follower().ping())}
    # The worker's sign of life is a row: without the database nobody can tell.
    answers["worker"] = answers["database"] and await _answers(_worker())
    failing = [name for name, is_there in answers.items() if not is_there]
    body = {"status": "unavailable" if failing else "ok", "failing": failing}
    return json_response(body, status=503 if failing else 200)


async def _answers(question: Awaitable[bool]) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await question
    except (DatabaseError, RedisError, OSError, TimeoutError):
        return False


async def _database() -> bool:
    return await blocking.call(readiness.database_answers)


async def _worker() -> bool:
    return await blocking.call(readiness.worker_answers, queue="runs", now=timezone.now())
