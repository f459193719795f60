"""What the readers of a run see when it is begun anew under a newer attempt."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis
from django.conf import settings

from conversations.relay import tail
from conversations.relay.cursor import Cursor
from conversations.relay.follow import Follower, Subscription
from conversations.relay.inbox import Inbox
from conversations.relay.publish import Flusher, LiveLog
from conversations.relay.tail import Idle
from conversations.values.runs import Restarted, RunEnded, RunEvent, RunStatus
from providers.events import TextDelta
from tests.fakes.upstream import PATIENCE_SECONDS

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


@pytest.fixture
async def subscription(follower: Follower) -> Subscription:
    return await follower.follow("run_1")


def log(valkey: redis.Redis, subscription: Subscription, *, attempt: int) -> LiveLog:
    return LiveLog(
        flusher=Flusher(valkey), run_id="run_1", channel=subscription.channel, attempt=attempt, keep_seconds=60
    )


def say(live_log: LiveLog, *texts: str) -> None:
    """Each as an event of its own."""
    for text in texts:
        live_log.add(TextDelta(text))
        live_log.flush()


async def take(inbox: Inbox, count: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(count):
            await inbox.take()


async def read(
    follower: Follower, subscription: Subscription, cursor: Cursor, *, is_late: bool = False
) -> list[RunEvent | Restarted]:
    events = tail.events(follower, subscription, cursor=cursor, is_late=is_late, silence_seconds=PATIENCE_SECONDS)
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [item async for item in events if not isinstance(item, Idle)]


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_new_attempt_is_announced_and_read_from_its_first_event(
    is_late: bool, follower: Follower, subscription: Subscription, valkey: redis.Redis
) -> None:
    lost, whole = (log(valkey, subscription, attempt=attempt) for attempt in (1, 2))
    await asyncio.to_thread(say, lost, "Hel", "lo")
    await asyncio.to_thread(say, whole, "Hi")
    await asyncio.to_thread(whole.end, END)
    cursor = Cursor(attempt=1)

    found = await read(follower, subscription, cursor, is_late=is_late)

    assert found == [
        RunEvent(1, TextDelta("Hel")),
        RunEvent(2, TextDelta("lo")),
        Restarted(1),
        RunEvent(1, TextDelta("Hi")),
        RunEvent(2, END),
    ]
    assert (cursor.attempt, cursor.position) == (2, 2)


async def test_an_attempt_of_which_nothing_was_read_is_not_missed(
    follower: Follower, subscription: Subscription, valkey: redis.Redis
) -> None:
    whole = log(valkey, subscription, attempt=2)
    await asyncio.to_thread(say, whole, "Hi")
    await asyncio.to_thread(whole.end, END)

    found = await read(follower, subscription, Cursor(attempt=1))

    assert found == [RunEvent(1, TextDelta("Hi")), RunEvent(2, END)]


async def test_an_older_attempt_no_longer_counts(
    follower: Follower, subscription: Subscription, valkey: redis.Redis
) -> None:
    lost, whole = (log(valkey, subscription, attempt=attempt) for attempt in (1, 2))
    await asyncio.to_thread(say, whole, "Hi")
    await asyncio.to_thread(say, lost, "late")
    await asyncio.to_thread(lost.end, RunEnded(RunStatus.FAILED, error_code="internal_error"))
    await asyncio.to_thread(say, whole, "!")
    await asyncio.to_thread(whole.end, END)

    found = await read(follower, subscription, Cursor(attempt=1))

    assert found == [RunEvent(1, TextDelta("Hi")), RunEvent(2, TextDelta("!")), RunEvent(3, END)]


async def test_a_new_attempt_whose_beginning_was_missed_is_read_from_its_log(
    follower: Follower, subscription: Subscription, valkey: redis.Redis
) -> None:
    lost, whole = (log(valkey, subscription, attempt=attempt) for attempt in (1, 2))
    # It hears what the other hears, and so tells when that is.
    neighbour = await follower.follow("run_1")
    await asyncio.to_thread(say, lost, "Hel")
    await take(neighbour.inbox, 1)
    heard, subscription.inbox = subscription.inbox, Inbox()
    await asyncio.to_thread(say, whole, "Hi", "!")
    await take(neighbour.inbox, 2)
    subscription.inbox = heard
    await asyncio.to_thread(whole.end, END)

    found = await read(follower, subscription, Cursor(attempt=1))

    assert found == [
        RunEvent(1, TextDelta("Hel")),
        Restarted(1),
        RunEvent(1, TextDelta("Hi")),
        RunEvent(2, TextDelta("!")),
        RunEvent(3, END),
    ]
