"""The one listener of a web process, and what one run's bytes can do to the readers of the others: nothing."""

import asyncio
from collections.abc import AsyncIterator

import orjson
import pytest
import redis
from django.conf import settings

from conversations.relay import codec, tail
from conversations.relay.cursor import Cursor
from conversations.relay.follow import Follower
from conversations.relay.inbox import Inbox
from conversations.relay.publish import Flusher, LiveLog
from conversations.relay.tail import Idle
from conversations.values.runs import RunEnded, RunEvent, RunStatus
from providers.events import TextDelta

PATIENCE_SECONDS = 30.0


class Broken(Inbox):
    def put(self, message: bytes | None) -> None:
        raise ValueError("of no class that anybody foresaw")


@pytest.fixture
async def follower(valkey: redis.Redis) -> AsyncIterator[Follower]:
    made = Follower(settings.REDIS_URL)
    yield made
    # A process has one for as long as it lives.
    if made._task:
        made._task.cancel()
    for connection in (made._pubsub, made._subscriber, made._commands):
        await connection.aclose()


async def test_a_reader_that_breaks_does_not_end_the_listening_for_all(follower: Follower, valkey: redis.Redis) -> None:
    broken, sound = await follower.follow("run_1"), await follower.follow("run_2")
    broken.inbox = Broken()

    await asyncio.to_thread(valkey.publish, broken.channel, b"x")
    await asyncio.to_thread(valkey.publish, sound.channel, b"heard")

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await sound.inbox.take() == b"heard"


async def test_what_cannot_be_read_as_it_comes_is_looked_for_in_the_log(
    follower: Follower, valkey: redis.Redis
) -> None:
    subscription = await follower.follow("run_1")
    log = LiveLog(flusher=Flusher(valkey), run_id="run_1", channel="elsewhere", attempt=1, keep_seconds=60)
    log.add(TextDelta("Hel"))
    for garbage in (b"\xff", b"{}", orjson.dumps({"attempt": 1, "first": 1, "items": [{"e": "hologram"}]})):
        await asyncio.to_thread(valkey.publish, subscription.channel, garbage)
    events = tail.events(
        follower, subscription, cursor=Cursor(attempt=1), is_late=False, silence_seconds=PATIENCE_SECONDS
    )

    assert await anext(events) == RunEvent(1, TextDelta("Hel"))
    # Nor is a second look refused for it.
    assert [await anext(events), await anext(events)] == [Idle.LOOK, Idle.LOOK]
    await asyncio.to_thread(log.end, RunEnded(RunStatus.COMPLETED))
    await asyncio.to_thread(publish_end, valkey, subscription.channel)
    assert await anext(events) == RunEvent(2, RunEnded(RunStatus.COMPLETED))


def publish_end(valkey: redis.Redis, channel: str) -> None:
    items = [codec.dump_item(RunEnded(RunStatus.COMPLETED))]
    valkey.publish(channel, orjson.dumps({"attempt": 1, "first": 2, "items": items}))


async def test_a_log_is_read_up_to_what_this_release_cannot_read(follower: Follower, valkey: redis.Redis) -> None:
    key = codec.log_key("run_1", 1)
    for place, entry in enumerate((b'{"e":"text","d":"Hel"}', b'{"e":"hologram"}', b'{"e":"text","d":"lo"}'), 1):
        valkey.xadd(key, {"e": entry}, id=f"{place}-0")

    assert await follower.read_log("run_1", attempt=1, after=0) == [RunEvent(1, TextDelta("Hel"))]
