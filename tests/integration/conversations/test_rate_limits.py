"""Counting requests in a real Valkey, which is shared, forgets, hangs and goes away."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import redis
import redis.asyncio as aioredis
from django.conf import settings

from conversations import rate_limits
from conversations.rate_limits import Allowance, Charge, Cost, Limiter, connect

Process = Callable[..., "Taker"]

KEY = 7
# One place comes back every 8.5 s: none does while a test takes them.
SLOW, SLOW_INTERVAL = 7, 60_000_000 // 7 / 1_000_000


class Taker:
    """A web process that takes of a bucket of `per_minute`, and of a second that has no limit unless one is given."""

    def __init__(self, client: aioredis.Redis, *, per_minute: int) -> None:
        self._limiter = Limiter(client)
        self._per_minute = per_minute

    async def take(
        self, key: int = KEY, *, amount: int = 1, other: int = 0, of_others: int = 0, has_happened: bool = False
    ) -> Allowance | None:
        cost = Cost("places", amount, self._per_minute)
        return await self._limiter.take(Charge(key, cost, Cost("others", other, of_others), has_happened))


async def take(one: Taker, key: int = KEY, **how: Any) -> Allowance:
    allowance = await one.take(key, **how)
    assert allowance is not None
    return allowance


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is not taken for a store that hangs, but where one does."""
    if "silent" not in request.fixturenames:
        monkeypatch.setattr(rate_limits, "COMMAND_TIMEOUT_SECONDS", 30.0)
        monkeypatch.setattr(rate_limits, "TAKE_TIMEOUT_SECONDS", 30.0)


@pytest.fixture
async def process(valkey: redis.Redis) -> AsyncIterator[Process]:
    """Makes a limiter with a connection of its own, as each web process has one."""
    async with AsyncExitStack() as stack:

        def begin(*, per_minute: int = SLOW, url: str = settings.REDIS_URL) -> Taker:
            client = connect(url)
            stack.push_async_callback(client.aclose)
            return Taker(client, per_minute=per_minute)

        yield begin


@pytest.fixture
def silent() -> Iterator[str]:
    """A store that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}/0"


async def test_the_first_request_leaves_all_places_but_one(process: Process) -> None:
    allowance = await take(process())

    assert allowance == Allowance(limit=SLOW, remaining=SLOW - 1, full_in=SLOW_INTERVAL, retry_in=0.0)


async def test_many_at_once_by_several_processes_get_exactly_the_places_there_are(process: Process) -> None:
    processes = [process() for _ in range(5)]

    taken = await asyncio.gather(*(take(processes[number % 5]) for number in range(50)))

    let_through = [one for one in taken if not one.retry_in]
    assert sorted(one.remaining for one in let_through) == list(range(SLOW))
    assert {one.remaining for one in taken if one.retry_in} == {0}
    assert all(0 < one.retry_in <= SLOW_INTERVAL for one in taken if one.retry_in)
    assert all(one.full_in <= 60.0 for one in taken)


async def test_a_refused_request_takes_no_place(process: Process) -> None:
    one = process()
    for _ in range(SLOW):
        await take(one)

    first, second = await take(one), await take(one)

    assert second.retry_in <= first.retry_in
    assert second.full_in <= first.full_in


async def test_a_place_is_free_again_when_it_was_said_to_be(process: Process) -> None:
    one = process(per_minute=60)
    while not (refused := await take(one)).retry_in:
        pass

    await asyncio.sleep(refused.retry_in)

    assert (await take(one)).retry_in == 0.0


async def test_keys_do_not_share_their_places(process: Process) -> None:
    one = process(per_minute=1)
    await take(one, KEY)

    refused, let_through = await asyncio.gather(take(one, KEY), take(one, KEY + 1))

    assert refused.retry_in > 0
    assert let_through.retry_in == 0.0


@pytest.mark.parametrize("per_minute", [1, 7, 3600, 7747, 1_000_000])
async def test_there_are_as_many_places_as_are_told(process: Process, per_minute: int) -> None:
    allowance = await take(process(per_minute=per_minute))

    assert (allowance.limit, allowance.remaining) == (per_minute, per_minute - 1)


async def test_a_dear_request_takes_many_places(process: Process) -> None:
    one = process()

    assert (await take(one, amount=5)).remaining == SLOW - 5
    assert (await take(one, amount=5)).retry_in > 0
    assert (await take(one, amount=2)).remaining == 0


async def test_what_is_more_than_there_is_takes_all_there_is(process: Process) -> None:
    one = process()

    assert (await take(one, amount=10 * SLOW)).remaining == 0
    assert 0 < (await take(one)).retry_in <= SLOW_INTERVAL


async def test_what_one_bucket_lacks_is_not_taken_of_the_other(process: Process) -> None:
    one = process()
    await take(one, other=80, of_others=100)

    refused = await take(one, other=30, of_others=100)

    # Ten are missing, of a hundred that come back in a minute.
    assert 5.0 < refused.retry_in <= 6.0
    assert (await take(one, other=20, of_others=100)).remaining == SLOW - 2


async def test_the_longer_wait_is_told(process: Process) -> None:
    one = process(per_minute=1)
    await take(one, other=100, of_others=100)

    # The one place is back after a minute, the missing hundredth of the other bucket after less than a second.
    assert (await take(one, other=1, of_others=100)).retry_in > 50.0


async def test_what_has_happened_is_counted_however_little_is_left(process: Process) -> None:
    one = process()

    for _ in range(3):
        assert (await take(one, amount=0, other=80, of_others=100, has_happened=True)).retry_in == 0.0

    assert 80.0 < (await take(one, other=1, of_others=100)).retry_in <= 1.41 * 60
    assert (await take(one)).remaining == SLOW - 1


async def test_a_bucket_without_a_limit_keeps_nothing(process: Process, valkey: redis.Redis) -> None:
    await take(process(per_minute=0), amount=7, other=1_000_000)

    assert valkey.keys() == []


async def test_what_is_kept_goes_away_by_itself(process: Process, valkey: redis.Redis) -> None:
    await take(process())

    (key,) = valkey.keys()
    assert 0 < valkey.pttl(key) <= SLOW_INTERVAL * 1000 + 1


async def test_a_script_that_was_forgotten_is_told_again(process: Process, valkey: redis.Redis) -> None:
    one = process()
    await take(one)
    valkey.script_flush()

    assert (await take(one)).remaining == SLOW - 2


async def test_nothing_is_refused_while_the_store_is_away(process: Process) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    one = process(url=f"redis://127.0.0.1:{port}/0")

    assert [await one.take() for _ in range(SLOW + 1)] == [None] * (SLOW + 1)


async def test_a_store_that_hangs_is_not_waited_for(process: Process, silent: str) -> None:
    one = process(url=silent)
    began = time.monotonic()

    assert await asyncio.gather(*(one.take() for _ in range(20))) == [None] * 20
    # Batcher, and not one after the other.
    assert time.monotonic() - began < 20 * rate_limits.COMMAND_TIMEOUT_SECONDS
