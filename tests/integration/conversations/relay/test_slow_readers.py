"""Readers that do not take what is published: little is kept for them, and they miss nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from threading import Event as ThreadEvent

import pytest
import redis
from django.conf import settings

from conversations.models import Run
from conversations.relay import follow, tail
from conversations.relay.cursor import Cursor
from conversations.relay.follow import Follower
from conversations.relay.inbox import Inbox
from conversations.relay.publish import Flusher, LiveLog
from conversations.values.runs import RunEnded, RunEvent, RunStatus
from conversations.views.runs.reading.ended_runs import LARGE_CHARACTERS, LOADED_AT_ONCE, MOST_KEPT, EndedRuns
from providers.events import TextDelta
from tests.fakes.upstream import PATIENCE_SECONDS

EVENTS = 300
END = RunEnded(RunStatus.COMPLETED)


@pytest.fixture
async def follower(valkey: redis.Redis) -> AsyncIterator[Follower]:
    made = Follower(settings.REDIS_URL)
    yield made
    # A process has one for as long as it lives.
    if made._task:
        made._task.cancel()
    for connection in (made._pubsub, made._subscriber, made._commands):
        await connection.aclose()


def write(valkey: redis.Redis, channel: str, texts: list[str]) -> None:
    """A whole run, each text an event of its own."""
    log = LiveLog(flusher=Flusher(valkey), run_id="run_1", channel=channel, attempt=1, keep_seconds=60)
    for text in texts:
        log.add(TextDelta(text))
        log.flush()
    log.end(END)


async def read(follower: Follower, subscription: follow.Subscription, *, is_late: bool) -> list[RunEvent]:
    events = tail.events(
        follower, subscription, cursor=Cursor(attempt=1), is_late=is_late, silence_seconds=PATIENCE_SECONDS
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [item async for item in events if isinstance(item, RunEvent)]


@pytest.mark.parametrize("room", [100, 1_000, 10_000, 10_000_000])
async def test_a_reader_that_fell_behind_misses_and_repeats_nothing(
    room: int, follower: Follower, valkey: redis.Redis
) -> None:
    subscription = await follower.follow("run_1")
    subscription.inbox = Inbox(most=room)
    texts = [f"{place} " for place in range(EVENTS)]
    writing = asyncio.create_task(asyncio.to_thread(write, valkey, subscription.channel, texts))
    await writing

    found = await read(follower, subscription, is_late=False)

    assert found == [
        *(RunEvent(place, TextDelta(text)) for place, text in enumerate(texts, 1)),
        RunEvent(EVENTS + 1, END),
    ]


async def test_a_log_is_read_by_pages(follower: Follower, valkey: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ends where it has become large enough, and holds one entry at least."""
    monkeypatch.setattr(follow, "PAGE_BYTES", 1_000)
    texts = ["x" * 400] * 40 + ["y" * 5_000] + ["z"] * 40
    await asyncio.to_thread(write, valkey, "elsewhere", texts)

    pages: list[list[RunEvent]] = []
    while page := await follower.read_log("run_1", attempt=1, after=sum(len(page) for page in pages)):
        pages.append(page)

    assert [item for page in pages for item in page] == [
        *(RunEvent(place, TextDelta(text)) for place, text in enumerate(texts, 1)),
        RunEvent(len(texts) + 1, END),
    ]
    assert [len(page) for page in pages[:14]] == [3] * 13 + [2]
    subscription = await follower.follow("run_1")
    assert len(await read(follower, subscription, is_late=True)) == len(texts) + 1


def ended_run(run_id: int, *, characters: int) -> Run:
    return Run(pk=run_id, answer={"choices": [], "log": [["TextDelta", 0, characters]]})


class Loading:
    """Loads no run before it is told to."""

    def __init__(self, *, characters: int) -> None:
        self.characters = characters
        self.go_on = ThreadEvent()
        self.loaded: list[int] = []

    def __call__(self, run_id: int) -> Run:
        self.loaded.append(run_id)
        assert self.go_on.wait(PATIENCE_SECONDS)
        return ended_run(run_id, characters=self.characters)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_so():
            await asyncio.sleep(0.005)


async def test_a_large_row_is_loaded_once_for_all_who_read_it() -> None:
    loading = Loading(characters=LARGE_CHARACTERS + 1)
    runs = EndedRuns(loading)
    readers = [asyncio.create_task(runs.get(7)) for _ in range(20)]
    loading.go_on.set()

    found = await asyncio.gather(*readers)

    assert {id(run) for run in found} == {id(await runs.get(7))}
    assert loading.loaded == [7]


async def test_few_rows_are_loaded_at_once_and_fewer_kept() -> None:
    loading = Loading(characters=LARGE_CHARACTERS + 1)
    runs = EndedRuns(loading)
    readers = [asyncio.create_task(runs.get(number)) for number in range(10)]
    await until(lambda: len(loading.loaded) == LOADED_AT_ONCE)
    await asyncio.sleep(0)
    # Each by a thread of its own, so in any order.
    assert sorted(loading.loaded) == list(range(LOADED_AT_ONCE))
    loading.go_on.set()

    await asyncio.gather(*readers)

    assert sorted(loading.loaded) == list(range(10))
    assert len(runs._kept) == MOST_KEPT


async def test_a_small_row_is_not_kept() -> None:
    loading = Loading(characters=10)
    loading.go_on.set()
    runs = EndedRuns(loading)

    await runs.get(7)

    assert runs._kept == {}


async def test_a_run_that_is_not_over_is_looked_up_again() -> None:
    answers = iter([None, ended_run(7, characters=LARGE_CHARACTERS + 1)])
    runs = EndedRuns(lambda _: next(answers))

    assert await runs.get(7) is None
    assert (found := await runs.get(7)) is not None
    assert found.pk == 7
