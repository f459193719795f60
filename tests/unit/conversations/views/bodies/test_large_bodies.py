"""Who waits for whom where large bodies are worked on."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress

import pytest

from conversations.views.bodies import large_bodies

ANN, BEN = 1, 2
PATIENCE_SECONDS = 30.0


class Work:
    """Goes on until it is told to end."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()
        self.thread = ""

    def __call__(self) -> str:
        self.thread = threading.current_thread().name
        self.began.set()
        assert self.may_end.wait(PATIENCE_SECONDS)
        return "done"


@pytest.fixture
def works() -> Iterator[list[Work]]:
    made = [Work() for _ in range(4)]
    yield made
    for work in made:
        work.may_end.set()


def call(account_id: int, work: Work) -> "asyncio.Task[str]":
    return asyncio.create_task(large_bodies.store(account_id, work))


async def begun(work: Work) -> None:
    assert await asyncio.to_thread(work.began.wait, PATIENCE_SECONDS)


async def test_one_accounts_work_is_done_piece_by_piece_and_nobody_waits_behind_it(works: list[Work]) -> None:
    first, second, third, others = works
    row = [call(ANN, work) for work in (first, second, third)]
    await begun(first)

    beside = call(BEN, others)
    await begun(others)

    assert not second.began.is_set()
    others.may_end.set()
    assert await beside == "done"
    for work in (first, second, third):
        await begun(work)
        work.may_end.set()
    assert await asyncio.gather(*row) == ["done"] * 3
    assert all(work.thread.startswith("large") for work in works)


async def test_a_caller_that_goes_away_gets_no_second_thread(works: list[Work]) -> None:
    first, second, others, _ = works
    leaving = call(ANN, first)
    await begun(first)

    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    staying = call(ANN, second)
    beside = call(BEN, others)
    await begun(others)

    assert not second.began.is_set()
    first.may_end.set()
    await begun(second)
    for work in (second, others):
        work.may_end.set()
    assert tuple(await asyncio.gather(staying, beside)) == ("done", "done")


async def test_a_caller_that_goes_away_while_it_waits_is_passed_over(works: list[Work]) -> None:
    first, second, third, _ = works
    begins = call(ANN, first)
    await begun(first)
    waits, stays = call(ANN, second), call(ANN, third)
    await asyncio.sleep(0)

    waits.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waits
    first.may_end.set()
    third.may_end.set()

    assert tuple(await asyncio.gather(begins, stays)) == ("done", "done")
    assert not second.began.is_set()


async def test_passes_on_what_the_work_raises(works: list[Work]) -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await large_bodies.parse(ANN, fail)
    works[0].may_end.set()
    assert await call(ANN, works[0]) == "done"


async def test_nothing_of_what_failed_is_kept() -> None:
    """Megabytes would wait for the garbage collector, which has no reason to come."""
    held = Work()
    seen = weakref.ref(held)

    def fail(work: Work) -> None:
        work.thread = "here"
        raise KeyError("x")

    gc.disable()
    try:
        with suppress(KeyError):
            await large_bodies.parse(ANN, fail, held)
        del held
        # The thread lets go of its work after it has told of its end.
        await large_bodies.parse(ANN, dict)
        assert seen() is None
    finally:
        gc.enable()


async def test_one_reads_while_others_store(works: list[Work]) -> None:
    first, second, reading, _ = works
    storing = [call(ANN, first), call(BEN, second)]
    for work in (first, second):
        await begun(work)

    task = asyncio.create_task(large_bodies.parse(3, reading))

    await begun(reading)
    for work in (first, second, reading):
        work.may_end.set()
    assert await asyncio.gather(*storing, task) == ["done"] * 3
    assert [work.thread.rpartition("_")[0] for work in (first, reading)] == ["large-storing", "large-parsing"]
