"""The reader's side: one subscriber connection per web process serves everyone who follows a run there.

A run is published on a channel of the process that accepted it. That process subscribed to all its channels with one
pattern when it began, so following a new run costs no round trip, and none of its events can be missed.
"""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import redis.asyncio as redis
import structlog
from redis.exceptions import RedisError

from conversations.batching import Batcher
from conversations.relay import codec, scripts
from conversations.relay.inbox import Inbox
from conversations.values.runs import RunEvent

log = structlog.get_logger(__name__)

PROCESS_ID_BYTES = 6
RECONNECT_SECONDS = 0.5
CONNECT_TIMEOUT_SECONDS = 5
COMMAND_TIMEOUT_SECONDS = 5
# How much of a log a reader takes at once: a slow reader keeps that in memory until it has sent it.
PAGE_BYTES = 128 * 1024
# Written to see whether Redis takes writes.
PROBE_KEY = "parley:probe"
PROBE_SECONDS = 10


class Subscription:
    """One reader of one run."""

    def __init__(self, *, run_id: str, channel: str) -> None:
        self.run_id = run_id
        self.channel = channel
        self.inbox = Inbox()


class Follower:
    """Follows any number of runs over one Redis connection. It belongs to one event loop."""

    def __init__(self, url: str) -> None:
        self._process_id = secrets.token_hex(PROCESS_ID_BYTES)
        # redis-py closes a socket that is silent for 5 s by default; no run may be published for hours.
        self._subscriber = redis.Redis.from_url(
            url, socket_timeout=None, socket_connect_timeout=CONNECT_TIMEOUT_SECONDS, health_check_interval=30
        )
        self._commands = redis.Redis.from_url(
            url, socket_timeout=COMMAND_TIMEOUT_SECONDS, socket_connect_timeout=CONNECT_TIMEOUT_SECONDS
        )
        self._pubsub = self._subscriber.pubsub()
        self._readers: dict[bytes, set[Subscription]] = {}
        # Channels of other processes, subscribed to one by one, and whether Redis has confirmed each.
        self._confirmed: dict[bytes, asyncio.Event] = {}
        self._leaving: asyncio.Task[None] | None = None
        self._is_listening = asyncio.Event()
        self._logs = Batcher(self._read_logs)
        self._task: asyncio.Task[None] | None = None

    def channel(self, run_id: str) -> str:
        """The channel on which a run that this process accepts is published."""
        return codec.channel(self._process_id, run_id)

    async def follow(self, run_id: str) -> Subscription:
        """A subscription to a run that this process is about to accept."""
        if not self._is_listening.is_set():
            await self._begin()
        subscription = Subscription(run_id=run_id, channel=self.channel(run_id))
        self._readers.setdefault(subscription.channel.encode(), set()).add(subscription)
        return subscription

    async def attach(self, run_id: str, *, channel: str) -> Subscription:
        """A subscription to a run that this or another process accepted before. Read its log after this."""
        if channel == self.channel(run_id):
            return await self.follow(run_id)
        if not self._is_listening.is_set():
            await self._begin()
        subscription = Subscription(run_id=run_id, channel=channel)
        name = channel.encode()
        is_first = name not in self._readers
        self._readers.setdefault(name, set()).add(subscription)
        if is_first:
            self._confirmed[name] = asyncio.Event()
            with suppress(RedisError, OSError):
                await self._pubsub.subscribe(name)
        with suppress(TimeoutError):
            async with asyncio.timeout(COMMAND_TIMEOUT_SECONDS):
                await self._confirmed[name].wait()
        return subscription

    def leave(self, subscription: Subscription) -> None:
        name = subscription.channel.encode()
        readers = self._readers.get(name, set())
        readers.discard(subscription)
        if not readers:
            self._readers.pop(name, None)
            if self._confirmed.pop(name, None) is not None:
                self._leaving = asyncio.create_task(self._unsubscribe(name))

    async def _unsubscribe(self, name: bytes) -> None:
        # Somebody may have attached to the channel again before this task ran.
        if name not in self._readers:
            with suppress(RedisError, OSError):
                await self._pubsub.unsubscribe(name)

    async def _begin(self) -> None:
        """Waits for the subscription, but not for ever: without Redis readers look at the database now and then."""
        if self._task is None:
            self._task = asyncio.create_task(self._listen())
        with suppress(TimeoutError):
            async with asyncio.timeout(COMMAND_TIMEOUT_SECONDS):
                await self._is_listening.wait()

    async def _listen(self) -> None:
        while True:
            try:
                if not self._pubsub.subscribed:
                    await self._pubsub.psubscribe(codec.channel(self._process_id, "*"))
                if (message := await self._pubsub.get_message(timeout=None)) is not None:
                    self._on_message(message)
            except (RedisError, OSError) as exc:
                log.warning("relay_subscriber_lost", error=type(exc).__name__)
                await asyncio.sleep(RECONNECT_SECONDS)
            except Exception:
                # This task serves all readers, so no single message may end it.
                log.exception("relay_subscriber_broke")
                await asyncio.sleep(RECONNECT_SECONDS)

    def _on_message(self, message: dict[str, Any]) -> None:
        if message["type"] in ("pmessage", "message"):
            for subscription in self._readers.get(message["channel"], ()):
                subscription.inbox.put(message["data"])
        elif message["type"] == "psubscribe":
            self._on_listening()
        elif message["type"] == "subscribe" and (confirmed := self._confirmed.get(message["channel"])):
            confirmed.set()

    def _on_listening(self) -> None:
        """Called after every connect. After a reconnect any reader may have missed events, so all look at the log."""
        self._is_listening.set()
        for readers in self._readers.values():
            for subscription in readers:
                subscription.inbox.put(None)

    async def takes_writes(self) -> bool:
        """Whether Redis does; a full one, or a replica, still answers PING. Raises RedisError or OSError."""
        return bool(await self._commands.set(PROBE_KEY, b"", ex=PROBE_SECONDS))

    async def read_log(self, run_id: str, *, attempt: int, after: int) -> list[RunEvent]:
        """The next page of an attempt's log beyond position `after`; empty at its end, or when Redis is away."""
        try:
            found = await self._logs.ask((codec.log_key(run_id, attempt), after))
        except (RedisError, OSError) as exc:
            log.warning("relay_log_unreachable", error=type(exc).__name__)
            return []
        return codec.load_log(scripts.entries(found))

    async def _read_logs(self, wanted: Sequence[tuple[str, int]]) -> list[Any]:
        pipe = self._commands.pipeline(transaction=False)
        for key, after in wanted:
            pipe.eval(scripts.PAGE, 1, key, f"({after}-0", PAGE_BYTES)
        return list(await pipe.execute())
