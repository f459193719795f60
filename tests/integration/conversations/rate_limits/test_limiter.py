"""Counting requests in a real Valkey, which is shared, forgets, hangs, takes no writes and goes away."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs

from conversations.rate_limits import limiter
from conversations.rate_limits.costs import Allowance, Charge, Cost, Left
from tests.builders.limits import KEY, SLOW, SLOW_INTERVAL, Taken, Taker, take

Process = Callable[..., Taker]


@pytest.fixture
def silent() -> Iterator[str]:
    """A store that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}/0"


async def test_the_first_request_leaves_all_places_but_one(process: Process) -> None:
    allowance = await take(process())

    assert allowance == Taken(limit=SLOW, remaining=SLOW - 1, full_in=SLOW_INTERVAL, retry_in=0.0)


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


async def test_the_log_says_once_that_the_store_is_away(process: Process) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    one = process(url=f"redis://127.0.0.1:{port}/0")

    with capture_logs() as lines:
        for number in range(5):
            await one.take()
            await one.limiter.release(f"run_{number}")

    assert [line["event"] for line in lines] == ["requests_not_counted"]


async def test_nothing_is_refused_while_the_store_takes_no_writes(process: Process, valkey: redis.Redis) -> None:
    """Its memory is full, or it became a replica: it says so to every script that writes."""
    one = process(per_minute=1)
    changes: list[tuple[Callable[[], Any], Callable[[], Any]]] = [
        (
            lambda: valkey.config_set("maxmemory", "1"),
            lambda: valkey.config_set("maxmemory", "0"),
        ),
        (lambda: valkey.replicaof("127.0.0.1", "1"), lambda: valkey.replicaof("NO", "ONE")),
    ]
    policy = str(valkey.config_get("maxmemory-policy")["maxmemory-policy"])
    valkey.config_set("maxmemory-policy", "noeviction")
    for begin, end in changes:
        begin()
        try:
            assert [await one.take() for _ in range(3)] == [None] * 3
        finally:
            end()
    valkey.config_set("maxmemory-policy", policy)

    assert (await take(one)).remaining == 0


async def test_a_store_that_hangs_is_not_waited_for(
    process: Process, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "COMMAND_TIMEOUT_SECONDS", 2.0)
    monkeypatch.setattr(limiter, "TAKE_TIMEOUT_SECONDS", 5.0)
    one = process(url=silent)
    began = time.monotonic()

    assert await asyncio.gather(*(one.take() for _ in range(20))) == [None] * 20
    # Batcher, and not one after the other.
    assert time.monotonic() - began < 20 * limiter.COMMAND_TIMEOUT_SECONDS


async def test_each_bucket_says_what_is_left_of_it(process: Process) -> None:
    costs = (Cost("a:1", 1, 10), Cost("b:1", 5, 0), Cost("c:1", 4, 20))

    allowance = await process().limiter.take(Charge(costs))

    assert allowance == Allowance((Left(10, 9, 6.0), Left(0, 0, 0.0), Left(20, 16, 12.0)), 0.0)
