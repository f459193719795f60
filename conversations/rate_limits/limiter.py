"""The web processes' side of the limits: each request asks once, and one script call serves all that come together."""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Any

import redis.asyncio as redis
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from conversations.batching import Batcher
from conversations.rate_limits import scripts
from conversations.rate_limits.costs import Allowance, Charge, Cost, Left, RunPlace
from conversations.stores import run_places

log = structlog.get_logger(__name__)

MICROSECONDS = 1_000_000
# A slower Redis is not waited for, and the request is let through.
COMMAND_TIMEOUT_SECONDS = 0.2
TAKE_TIMEOUT_SECONDS = 0.5

LEASE_MICROSECONDS = int(run_places.LEASE_SECONDS * MICROSECONDS)


def connect(url: str) -> redis.Redis:
    """A client with short timeouts."""
    return redis.Redis.from_url(
        url,
        socket_timeout=COMMAND_TIMEOUT_SECONDS,
        socket_connect_timeout=COMMAND_TIMEOUT_SECONDS,
        # One retry, for a connection that broke while it was idle.
        retry=Retry(NoBackoff(), 1),
    )


class Limiter:
    """Belongs to one event loop."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        # Whether the last call was in vain: the log says so once, and not for each request.
        self._is_away = False
        self._take_script = client.register_script(scripts.TAKE)
        self._release_script = client.register_script(run_places.RELEASE)
        self._takes = Batcher(self._take_all)
        self._releases = Batcher(self._release_all)

    async def take(self, charge: Charge) -> Allowance | None:
        """Counts a request. None when Redis does not answer in time: then nothing is refused."""
        try:
            async with asyncio.timeout(TAKE_TIMEOUT_SECONDS):
                return await self._takes.ask(charge)
        except TimeoutError:
            return None

    async def release(self, run_id: str) -> None:
        """Gives back what a run has taken that was not accepted. If Redis does not hear it, the place's lease ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(TAKE_TIMEOUT_SECONDS):
                await self._releases.ask(run_places.facts_key(run_id))

    async def leave(self, place: RunPlace) -> None:
        """Gives back a run's place alone: its tokens are counted at its end. As `release` while Redis is away."""
        pipe = self._client.pipeline(transaction=False)
        for name, _ in place.sets:
            pipe.zrem(name, place.run_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(TAKE_TIMEOUT_SECONDS):
                await self._try(pipe.execute(), "places_not_released")

    async def _take_all(self, charges: Sequence[Charge]) -> Sequence[Allowance | None]:
        keys: list[str] = []
        args: list[str | int] = []
        for charge in charges:
            _write(charge, keys, args)
        counted = await self._try(self._take_script(keys=keys, args=args), "requests_not_counted")
        if counted is None:
            return [None] * len(charges)
        return [_allowance(charge, *answer) for charge, answer in zip(charges, counted, strict=True)]

    async def _release_all(self, facts_keys: Sequence[str]) -> Sequence[None]:
        await self._try(self._release_script(keys=list(facts_keys)), "places_not_released")
        return [None] * len(facts_keys)

    async def _try(self, call: Awaitable[Any], problem: str) -> Any:
        """What the call returns; None when Redis is away, takes no writes or does not answer in time."""
        try:
            found = await call
        except (RedisError, OSError) as exc:
            if not self._is_away:
                log.warning(problem, error=type(exc).__name__)
            self._is_away = True
            return None
        self._is_away = False
        return found


def _write(charge: Charge, keys: list[str], args: list[Any]) -> None:
    place = charge.place
    costs = _counted(charge)
    args += [len(costs), int(charge.has_happened), -1 if place is None else len(place.sets)]
    for cost in costs:
        keys.append(f"parley:{cost.bucket}")
        args += [cost.size, cost.microseconds]
    if place is not None:
        keys.append(place.facts_key)
        args += [place.run_id, place.facts, LEASE_MICROSECONDS, run_places.FACTS_SECONDS]
        for name, most in place.sets:
            keys.append(name)
            args.append(most)


def _counted(charge: Charge) -> list[Cost]:
    """Without those that take nothing, or of which there is any number."""
    return [cost for cost in charge.costs if cost.microseconds]


def _allowance(charge: Charge, wait: int, is_full: int, *full_in: int) -> Allowance:
    ends = iter(full_in)
    left = tuple(_left(cost, next(ends) if cost.microseconds else 0) for cost in charge.costs)
    return Allowance(left, wait / MICROSECONDS, is_crowded=bool(is_full))


def _left(cost: Cost, full_in: int) -> Left:
    remaining = max(0, cost.size - full_in) // cost.interval if cost.interval else 0
    return Left(cost.per_minute, remaining, full_in / MICROSECONDS)


__all__ = ["Allowance", "Charge", "Cost", "Limiter", "RunPlace", "connect"]
