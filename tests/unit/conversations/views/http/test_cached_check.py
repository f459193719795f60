"""How often the stores are asked when anybody may ask whether they are well."""

import asyncio

from conversations.views.http import cached_check
from conversations.views.http.cached_check import CachedCheck


class Stores:
    def __init__(self, *answers: list[str]) -> None:
        self.asked = 0
        self._answers = list(answers)
        self.may_answer = asyncio.Event()

    async def check(self) -> list[str]:
        self.asked += 1
        await self.may_answer.wait()
        return self._answers.pop(0)


async def test_a_thousand_who_ask_at_once_cost_one_look() -> None:
    stores = Stores(["redis"])
    check = CachedCheck(stores.check, event="changed")
    asking = [asyncio.create_task(check.failing()) for _ in range(1_000)]
    await asyncio.sleep(0)
    asking.pop().cancel()

    stores.may_answer.set()

    assert await asyncio.gather(*asking) == [["redis"]] * 999
    assert stores.asked == 1


async def test_an_answer_serves_for_a_while_and_no_longer() -> None:
    now = 100.0
    stores = Stores([], ["sweep"], [])
    stores.may_answer.set()
    check = CachedCheck(stores.check, event="changed", clock=lambda: now)

    seen = []
    for passed in (0.0, cached_check.GOOD_SECONDS - 0.01, 0.01, cached_check.BAD_SECONDS - 0.01, 0.01):
        now += passed
        seen.append((await check.failing(), stores.asked))

    assert seen == [([], 1), ([], 1), (["sweep"], 2), (["sweep"], 2), ([], 3)]


async def test_who_leaves_takes_nobody_elses_answer_along() -> None:
    stores = Stores([])
    check = CachedCheck(stores.check, event="changed")
    first, second = (asyncio.create_task(check.failing()) for _ in range(2))
    await asyncio.sleep(0)

    first.cancel()
    stores.may_answer.set()

    assert await second == []
    assert stores.asked == 1
