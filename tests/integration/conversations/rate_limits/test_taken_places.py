"""Taking the places of runs in a real Valkey: exactly as many as there are, each until somebody gives it back."""

import asyncio
import socket
from collections.abc import Callable

import pytest
import redis

from conversations.rate_limits import limiter
from conversations.rate_limits.costs import Allowance, Charge, Cost, RunPlace
from conversations.stores import run_places
from tests.builders.limits import KEY, SLOW, Taker, take

Process = Callable[..., Taker]


def place(run: str, *, of_key: int = 3, of_account: int = 0, key: int = KEY) -> RunPlace:
    sets = [(run_places.runs_of_key(str(key)), of_key), (run_places.runs_of_account(1), of_account)]
    facts = run_places.facts(run_id=run, limited_as=str(key), account_id=1, tokens=0, intervals=(0, 0))
    return RunPlace(run, tuple(one for one in sets if one[1]), facts)


async def hold(one: Taker, run: str, **limits: int) -> Allowance:
    allowance = await one.limiter.take(Charge((), place(run, **limits)))
    assert allowance is not None
    return allowance


async def test_fifty_at_once_by_several_processes_get_exactly_the_places_there_are(process: Process) -> None:
    processes = [process() for _ in range(5)]

    taken = await asyncio.gather(*(hold(processes[number % 5], f"run_{number}", of_key=7) for number in range(50)))

    assert [one.is_crowded for one in taken].count(False) == 7
    assert {one.retry_in for one in taken} == {0.0}


async def test_a_place_is_free_when_its_run_was_not_accepted(process: Process) -> None:
    one = process()
    await hold(one, "run_1", of_key=1)
    assert (await hold(one, "run_2", of_key=1)).is_crowded

    await one.limiter.release("run_1")

    assert not (await hold(one, "run_2", of_key=1)).is_crowded


async def test_a_run_keeps_its_place_when_it_takes_it_again(process: Process) -> None:
    one = process()
    await hold(one, "run_1", of_key=1)

    assert not (await hold(one, "run_1", of_key=1)).is_crowded
    assert (await hold(one, "run_2", of_key=1)).is_crowded


async def test_the_keys_of_an_account_share_its_places(process: Process) -> None:
    one = process()
    await hold(one, "run_1", of_account=2, key=7)
    await hold(one, "run_2", of_account=2, key=8)

    assert (await hold(one, "run_3", of_account=2, key=9)).is_crowded


async def test_a_refused_run_takes_a_place_nowhere(process: Process, valkey: redis.Redis) -> None:
    one = process()
    await hold(one, "run_1", of_key=3, of_account=1)

    await hold(one, "run_2", of_key=3, of_account=1)

    assert valkey.zrange(run_places.runs_of_key(str(KEY)), 0, -1) == [b"run_1"]
    assert valkey.zrange(run_places.runs_of_account(1), 0, -1) == [b"run_1"]


async def test_a_request_without_a_place_is_counted_until_its_run_is_given_up(
    process: Process, valkey: redis.Redis
) -> None:
    """Its caller may not wait; who does gets the tokens back."""
    one = process()
    await hold(one, "run_1", of_key=1)
    sets = ((run_places.runs_of_key(str(KEY)), 1),)
    facts = run_places.facts(run_id="run_2", limited_as=str(KEY), account_id=1, tokens=2, intervals=(8_571_428, 0))
    charge = Charge((Cost(f"tokens:{KEY}", 2, SLOW),), RunPlace("run_2", sets, facts))

    crowded = await one.limiter.take(charge)

    assert crowded is not None
    assert (crowded.is_crowded, crowded.retry_in, crowded.left[0].remaining) == (True, 0.0, SLOW - 2)
    await one.limiter.release("run_2")
    assert valkey.exists(run_places.tokens_of_key(str(KEY)), run_places.facts_key("run_2")) == 0


async def test_a_run_leaves_its_place_and_keeps_what_its_end_has_to_know(process: Process, valkey: redis.Redis) -> None:
    one = process()
    await hold(one, "run_1", of_account=2)
    await hold(one, "run_2", of_account=2)

    await one.limiter.leave(place("run_1", of_account=2))

    names = (run_places.runs_of_key(str(KEY)), run_places.runs_of_account(1))
    assert [valkey.zrange(name, 0, -1) for name in names] == [[b"run_2"]] * 2
    assert valkey.exists(run_places.facts_key("run_1")) == 1


async def test_a_request_that_may_not_be_made_yet_takes_no_place(process: Process, valkey: redis.Redis) -> None:
    one = process(per_minute=1)
    await take(one)

    refused = await one.limiter.take(Charge((Cost(f"places:{KEY}", 1, 1),), place("run_1")))

    assert refused is not None
    assert refused.retry_in > 0
    assert not refused.is_crowded
    assert valkey.zcard(run_places.runs_of_key(str(KEY))) == 0


async def test_a_place_is_free_when_its_lease_is_over(
    process: Process, valkey: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "LEASE_MICROSECONDS", 1_000)
    one = process()
    await hold(one, "run_1", of_key=1)
    await asyncio.sleep(0.01)

    assert not (await hold(one, "run_2", of_key=1)).is_crowded
    assert valkey.zrange(run_places.runs_of_key(str(KEY)), 0, -1) in ([b"run_2"], [])


async def test_nothing_is_refused_for_its_place_while_the_store_is_away(process: Process) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    one = process(url=f"redis://127.0.0.1:{port}/0")

    assert [await one.limiter.take(Charge((), place(f"run_{n}", of_key=1))) for n in range(3)] == [None] * 3
    await one.limiter.release("run_1")
