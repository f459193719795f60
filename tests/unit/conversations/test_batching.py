"""Asking a store once for everybody who asks at about the same time."""

import asyncio
from collections.abc import Sequence

import pytest

from conversations.batching import Batcher


class Store:
    """Doubles numbers, when it is told to go on; it cannot double 13."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []
        self.may_answer = asyncio.Event()

    async def double(self, numbers: Sequence[int]) -> list[int]:
        self.rounds.append(list(numbers))
        await self.may_answer.wait()
        if 13 in numbers:
            raise ValueError("13")
        return [2 * number for number in numbers]


async def until_idle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_asks_once_for_all_who_ask_at_the_same_moment() -> None:
    store = Store()
    together = Batcher(store.double)
    store.may_answer.set()

    answers = await asyncio.gather(*(together.ask(number) for number in (3, 1, 3, 2)))

    assert answers == [6, 2, 6, 4]
    assert store.rounds == [[3, 1, 3, 2]]


async def test_gathers_the_questions_that_come_while_the_store_is_busy() -> None:
    store = Store()
    together = Batcher(store.double)

    first = asyncio.ensure_future(together.ask(1))
    await until_idle()
    others = [asyncio.ensure_future(together.ask(number)) for number in (2, 3)]
    await until_idle()
    asked_meanwhile = list(store.rounds)
    store.may_answer.set()

    assert await first == 2
    assert [await other for other in others] == [4, 6]
    assert asked_meanwhile == [[1]]
    assert store.rounds == [[1], [2, 3]]


async def test_an_error_reaches_everybody_of_its_round_and_nobody_else() -> None:
    store = Store()
    together = Batcher(store.double)
    store.may_answer.set()

    failed = await asyncio.gather(together.ask(13), together.ask(1), return_exceptions=True)

    assert [type(found) for found in failed] == [ValueError, ValueError]
    assert await together.ask(1) == 2


async def test_who_stops_waiting_leaves_the_others_their_answers() -> None:
    store = Store()
    together = Batcher(store.double)
    leaving, staying = (asyncio.ensure_future(together.ask(number)) for number in (1, 2))
    await until_idle()

    leaving.cancel()
    store.may_answer.set()

    assert await staying == 4
    with pytest.raises(asyncio.CancelledError):
        await leaving
