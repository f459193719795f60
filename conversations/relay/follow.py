"""The reader's side: one subscriber connection per web process serves everyone who follows a run here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import redis.asyncio as redis
import structlog
from redis.exceptions import RedisError

from conversations.relay import codec
from conversations.turns import RunEnded, RunEvent

log = structlog.get_logger(__name__)

RECONNECT_SECONDS = 0.5
# redis-py gives a silent socket 5 s by default; a subscriber may rightly be silent for hours.
CONNECT_TIMEOUT_SECONDS = 5
COMMAND_TIMEOUT_SECONDS = 5
IDLE_CHANNEL = "parley:idle"


class Subscription:
    """What one reader has not yet read. `None` in the queue means: something may be missing, look at the log."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()


class Follower:
    """Follows any number of runs over one Redis connection. It belongs to one event loop."""

    def __init__(self, url: str) -> None:
        self._subscriber = redis.Redis.from_url(
            url, socket_timeout=None, socket_connect_timeout=CONNECT_TIMEOUT_SECONDS, health_check_interval=30
        )
        self._commands = redis.Redis.from_url(url, socket_timeout=COMMAND_TIMEOUT_SECONDS)
        self._pubsub = self._subscriber.pubsub(ignore_subscribe_messages=False)
        self._by_channel: dict[bytes, set[Subscription]] = {}
        self._confirmed: dict[bytes, asyncio.Event] = {}
        self._task: asyncio.Task[None] | None = None
        self._started = asyncio.Lock()

    @asynccontextmanager
    async def subscribe(self, run_id: str) -> AsyncIterator[Subscription]:
        """A subscription that is already in force: what is published from now on cannot be missed."""
        subscription = Subscription(run_id)
        name = codec.channel(run_id).encode()
        readers = self._by_channel.setdefault(name, set())
        readers.add(subscription)
        try:
            if len(readers) == 1:
                self._confirmed[name] = asyncio.Event()
                await self._start_listening()
                with suppress(RedisError, OSError):
                    await self._pubsub.subscribe(name)
            with suppress(TimeoutError):
                # Without a confirmation the reader still sees everything: its first look is at the log.
                await asyncio.wait_for(self._confirmed[name].wait(), COMMAND_TIMEOUT_SECONDS)
            yield subscription
        finally:
            readers.discard(subscription)
            if not readers and self._by_channel.get(name) is readers:
                del self._by_channel[name], self._confirmed[name]
                with suppress(RedisError, OSError):
                    await self._pubsub.unsubscribe(name)

    async def _start_listening(self) -> None:
        """Subscribes to a channel that nobody publishes on, so that the connection never runs out of channels."""
        if self._task is not None:
            return
        async with self._started:
            if self._task is None:
                with suppress(RedisError, OSError):
                    await self._pubsub.subscribe(IDLE_CHANNEL)
                self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        while True:
            try:
                message = await self._pubsub.get_message(timeout=None)
            except (RedisError, OSError) as exc:
                log.warning("relay_subscriber_lost", error=type(exc).__name__)
                await asyncio.sleep(RECONNECT_SECONDS)
                continue
            if message is not None:
                self._on_message(message["type"], message["channel"], message["data"])

    def _on_message(self, kind: str, name: bytes, data: bytes) -> None:
        if kind == "message":
            for subscription in self._by_channel.get(name, ()):
                subscription.queue.put_nowait(data)
        elif kind == "subscribe":
            self._on_subscribed(name)

    def _on_subscribed(self, name: bytes) -> None:
        """Also comes again for every channel after a reconnect: then its readers may have missed something."""
        confirmed = self._confirmed.get(name)
        if confirmed is None:
            return
        if confirmed.is_set():
            for subscription in self._by_channel.get(name, ()):
                subscription.queue.put_nowait(None)
        confirmed.set()

    async def ping(self) -> bool:
        """Raises RedisError or OSError when Redis does not answer."""
        return bool(await self._commands.ping())

    async def read_log(self, run_id: str, *, attempt: int, after: int) -> list[RunEvent]:
        """What an attempt's log holds beyond position `after`; nothing when it is gone or Redis is away."""
        try:
            entries = await self._commands.xrange(codec.log_key(run_id, attempt), min=f"({after}-0", max="+")
        except (RedisError, OSError) as exc:
            log.warning("relay_log_unreachable", error=type(exc).__name__)
            return []
        return codec.load_log(entries, attempt=attempt)


async def events(
    follower: Follower,
    subscription: Subscription,
    *,
    attempt: int,
    after: int,
    replay: bool,
    silence_seconds: float,
) -> AsyncIterator[RunEvent | None]:
    """A run's events in order without gap or repeat, up to and with its RunEnded.

    `replay` reads the log first: leave it out for a run that was not queued yet when the subscription began.
    None comes after every `silence_seconds` without news, and after a nudge: time to keep the connection alive,
    and to ask the database whether the run ended without its log.
    """
    position = after
    batch = await follower.read_log(subscription.run_id, attempt=attempt, after=after) if replay else []
    while True:
        for item in batch:
            if item.attempt > attempt:
                attempt, position = item.attempt, 0
            if item.attempt == attempt and item.position == position + 1:
                position += 1
                yield item
                if isinstance(item.event, RunEnded):
                    return
        try:
            async with asyncio.timeout(silence_seconds):
                data = await subscription.queue.get()
        except TimeoutError:
            batch = await follower.read_log(subscription.run_id, attempt=attempt, after=position)
            if not batch:
                yield None
            continue
        batch = codec.load_published(data) if data else []
        if not batch or _has_gap(batch[0], attempt=attempt, position=position):
            newest = max([attempt, *(item.attempt for item in batch)])
            begun = position if newest == attempt else 0
            batch = await follower.read_log(subscription.run_id, attempt=newest, after=begun)
            if not batch and not data:
                yield None


def _has_gap(first: RunEvent, *, attempt: int, position: int) -> bool:
    return first.position > (position if first.attempt == attempt else 0) + 1
