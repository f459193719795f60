"""A turn with `X-Dry-Run`: a worker prepares it as any other, and its receipt is the answer. Nothing is stored."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import orjson
import redis.asyncio as redis
from django.conf import settings
from django.http import HttpResponse
from redis.exceptions import RedisError

from conversations import broker, errors
from conversations.dialects.dialect import Dialect
from conversations.loop_local import LoopLocal
from conversations.queries.visitors import threads
from conversations.relay import dry_runs
from conversations.services.runs import dry_requests
from conversations.values.callers import Caller
from conversations.values.requests import RunRequest
from conversations.views.bodies import large_bodies
from conversations.views.http import redis_health, threadpool
from conversations.views.http.base import json_response
from conversations.views.runs.parsed import ParsedRequest

# In one web process: how many an account has at once, and all together. Some are left for whoever comes later.
OF_ACCOUNT, AT_ONCE = 2, 32
# Of the requests that wait in Redis; one may be as large as a body.
AT_ONCE_BYTES = 40_000_000
CROWDED_RETRY_SECONDS = 1.0
# Longer than a worker may take for one (`workers/dry_runs/perform.py`).
WAIT_SECONDS = 60.0
# A wake-up is lost with a worker that is drained or dies: after this long without one another is sent.
WAKE_SECONDS = 8.0
RETRY_SECONDS = 5.0
SOCKET_TIMEOUT_SECONDS = 5.0

_clients = LoopLocal(
    lambda: redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=SOCKET_TIMEOUT_SECONDS,
        socket_connect_timeout=SOCKET_TIMEOUT_SECONDS,
    )
)


def check(parsed: ParsedRequest) -> None:
    """Raises InvalidRequest for what a dry run cannot have: nobody could read its answer later."""
    if parsed.preconditions.idempotency_key:
        raise errors.InvalidRequest("X-Dry-Run cannot be sent with an Idempotency-Key: nothing is kept")
    if parsed.task is not None:
        name = "callback_url" if parsed.task.callback_url else "async"
        raise errors.InvalidRequest(f"X-Dry-Run cannot be sent with {name}: nothing is kept", param=name)


async def in_thread(request: RunRequest, *, account_id: int) -> RunRequest:
    """In the thread that its visitor has now: an accepted one finds it when it is stored."""
    if not (request.is_thread and request.visitor and request.assistant):
        return request
    thread = await threadpool.call(
        threads.thread_of,
        account_id=account_id,
        assistant=request.assistant.pk,
        external_id=request.visitor.external_id,
    )
    return replace(request, conversation_id=thread, begins_conversation=False) if thread else request


class DryRun:
    """Of one caller who waits. It belongs to one event loop."""

    def __init__(self, dry_run_id: str, caller: Caller) -> None:
        self._id = dry_run_id
        self._caller = caller
        self._request = b""

    @classmethod
    async def of(cls, parsed: ParsedRequest, *, dry_run_id: str) -> "DryRun":
        """A large request is written as JSON where large bodies are parsed."""
        made, caller = cls(dry_run_id, parsed.caller), parsed.caller
        dump = partial(dry_requests.dump, parsed.run_request, caller=caller, max_cost=parsed.preconditions.max_cost)
        made._request = await large_bodies.parse(caller.account_id, dump) if parsed.is_large else dump()
        return made

    async def respond(self, dialect: Dialect) -> HttpResponse:
        """Raises the error that the turn would get, RateLimited, and ServiceUnavailable when no worker answers."""
        await redis_health.require_writes()
        with _slot(self._caller.account_id, len(self._request)):
            client = _clients.get()
            try:
                await dry_runs.ask(client, self._id, self._request)
                self._request = b""
                answer = await self._answer(client)
            except RedisError as exc:
                raise errors.ServiceUnavailable(retry_after=RETRY_SECONDS) from exc
            finally:
                # Also for a client that has left: its worker stops then.
                with suppress(RedisError, OSError):
                    await dry_runs.withdraw(client, self._id)
        return json_response(_receipt(orjson.loads(answer)))

    async def _answer(self, client: "redis.Redis") -> bytes:
        now = time.monotonic()
        until, wake_at = now + WAIT_SECONDS, now
        while now < until:
            if now >= wake_at and not await dry_runs.is_taken(client, self._id):
                if not await threadpool.call(broker.wake_dry_run, dry_run_id=self._id):
                    raise errors.ServiceUnavailable(retry_after=RETRY_SECONDS)
                wake_at = now + WAKE_SECONDS
            if (answer := await dry_runs.answer_to(client, self._id)) is not None:
                return answer
            now = time.monotonic()
        raise errors.ServiceUnavailable("No worker was free for the dry run in time.", retry_after=RETRY_SECONDS)


def _receipt(answer: Mapping[str, Any]) -> bytes:
    """Raises the error that the worker has found."""
    if error := answer.get("error"):
        raise errors.from_code(error["code"], error["message"], error["facts"])
    return orjson.dumps(answer["receipt"])


class _Held:
    """What the dry runs of one event loop hold."""

    def __init__(self) -> None:
        self._of_account: Counter[int] = Counter()
        self._bytes = 0

    def has_place(self, account_id: int, size: int) -> bool:
        own, free = self._of_account[account_id], AT_ONCE - self._of_account.total()
        # The largest body fits alone.
        return own < min(OF_ACCOUNT, free) and (not self._bytes or self._bytes + size <= AT_ONCE_BYTES)

    def change(self, account_id: int, count: int, size: int) -> None:
        self._of_account[account_id] += count
        self._bytes += size
        if not self._of_account[account_id]:
            del self._of_account[account_id]


_held: LoopLocal[_Held] = LoopLocal(_Held)


@contextmanager
def _slot(account_id: int, size: int) -> Iterator[None]:
    """Raises RateLimited."""
    held = _held.get()
    if not held.has_place(account_id, size):
        raise errors.RateLimited("Too many dry runs at once.", retry_after=CROWDED_RETRY_SECONDS)
    held.change(account_id, 1, size)
    try:
        yield
    finally:
        held.change(account_id, -1, -size)
