"""The worker's side: a run's events go to its log and its readers, a stream's first at once, others every 40 ms."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from threading import Event, Lock, Thread
from typing import Any

import orjson
import redis
import structlog

from conversations.relay import codec, scripts
from conversations.relay.scripts import Appended
from conversations.stores import run_places
from conversations.values.runs import RunEnded
from providers.events import CallStarted, ReasoningDelta, RefusalDelta, StreamEvent, TextDelta, ToolCallDelta

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 0.04
# Redis closes a subscriber's connection once 32 MB wait for it, and a web process has one for all its readers.
MAX_PUBLISHED_BYTES = 1_000_000
MAX_JOINED_CHARACTERS = 16_384

TextLike = TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta


class LiveLog:
    """One attempt's events on their way to its readers.

    Of a streamed run the first item is sent at once; all others go together every 40 ms, with adjacent text joined: a
    reader loses no time, and a fast model costs few round trips. Everything sent is also kept here, so that a log that
    Redis lost is written again from memory. A run goes on while Redis is away: its row keeps the answer.

    `is_fenced`: a sweep took this worker for dead and gave the attempt up; nothing more reaches a reader.
    `is_broken`: an event could not be encoded or sent. Events before it were sent; after it only the end is.
    """

    def __init__(
        self,
        *,
        flusher: "Flusher",
        run_id: str,
        channel: str,
        attempt: int,
        keep_seconds: int,
        is_streamed: bool = True,
    ) -> None:
        self._flusher = flusher
        self._key = codec.log_key(run_id, attempt)
        self._facts_key = run_places.facts_key(run_id)
        self._channel = channel
        self._attempt = attempt
        self._keep_seconds = keep_seconds
        self._is_streamed = is_streamed
        self._lock = Lock()
        self._call: list[CallStarted] = []
        self._waiting: list[StreamEvent | RunEnded] = []
        self._entries: list[bytes] = []
        self._shape: list[codec.Shape] = []
        self._published = 0
        self._is_unreachable = False
        # Once the run has ended: the key of its facts, and the tokens that it has used.
        self._settled: tuple[list[str], int] = ([], 0)
        self.is_fenced = False
        self.is_broken = False

    @property
    def has_published(self) -> bool:
        return bool(self._entries)

    def add(self, event: StreamEvent) -> None:
        if isinstance(event, CallStarted):
            self._call = [event] if event.has_vendor_fields else []
            return
        with self._lock:
            if self.is_broken:
                return
            is_awaited = self._is_streamed and not self._entries and not self._waiting
            # The flusher was already woken for the waiting events.
            is_flusher_awake = bool(self._waiting)
            self._put_call()
            join(self._waiting, event)
        if is_awaited:
            self.flush()
        elif not is_flusher_awake:
            self._flusher.wake(self)

    def replay(self, events: Iterable[StreamEvent]) -> None:
        """What an earlier attempt has published: each event at the position that it had there, before anything else."""
        with self._lock:
            for event in events:
                self.is_broken = self.is_broken or not self._keep(event)
        self._flusher.wake(self)

    def end(self, ended: RunEnded) -> None:
        """The terminal event; call it after the run's row has committed."""
        with self._lock:
            self._put_call()
            self._dump()
            # A broken log gets an end as well: its readers must not take it for one that goes on.
            is_kept = self._keep(ended)
            self._settled = ([self._facts_key], ended.usage.total_tokens if ended.usage else 0)
        self.flush()
        if self.is_fenced or self.is_broken or not is_kept:
            notify_readers(self._flusher.redis, channels=[self._channel])

    def gather(self) -> bool:
        """Encodes the waiting events without sending them. Whether every event so far could be encoded."""
        with self._lock:
            self._dump()
            return not self.is_broken

    @property
    def shape(self) -> list[codec.Shape]:
        """What each position holds, including events that wait. It is stored with the answer, and outlives the log."""
        with self._lock:
            return [*self._shape, *codec.shape([*self._call, *self._waiting])]

    def _put_call(self) -> None:
        """The vendor's facts of the call are sent with the first event after them: alone they are no answer yet."""
        self._waiting += self._call
        self._call = []

    def flush(self) -> None:
        """Never raises: the flusher's thread serves all runs, so the failure of one must not end it."""
        with self._lock:
            self._dump()
            if self._published == len(self._entries):
                return
            try:
                self._send()
                self._is_unreachable = False
            except redis.RedisError as exc:
                if not self._is_unreachable:
                    log.warning("relay_unreachable", log_key=self._key, error=type(exc).__name__)
                self._is_unreachable = True
            except Exception:
                log.exception("live_log_broke", log_key=self._key)
                self.is_broken = True

    def _dump(self) -> None:
        """Turns the waiting events into entries, up to the first that cannot be encoded."""
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            if self.is_broken:
                return
            self.is_broken = not self._keep(item)

    def _keep(self, item: StreamEvent | RunEnded) -> bool:
        """Encodes the item as an entry; False when it cannot be encoded."""
        try:
            entry, shape = orjson.dumps(codec.dump_item(item)), codec.shape([item])
        except Exception:
            log.exception("live_log_broke", log_key=self._key)
            return False
        self._entries.append(entry)
        self._shape += shape
        return True

    def _send(self) -> None:
        """Writes the entries that Redis does not have yet; all of them when it lost the log or the end of it."""
        if self.is_fenced:
            return
        outcome = self._append(self._published)
        if outcome is Appended.GONE:
            outcome = self._append(0)
        self.is_fenced = outcome is Appended.FENCED
        self._published = len(self._entries)

    def _append(self, sent: int) -> Appended:
        settled, tokens = self._settled
        facts = (self._channel, self._attempt, self._keep_seconds, MAX_PUBLISHED_BYTES, sent, tokens)
        return Appended(self._flusher.append(keys=[self._key, *settled], args=[*facts, *self._entries[sent:]]))


class Flusher:
    """One thread of a worker process that sends what its live logs have gathered, every 40 ms while any has some."""

    NAME = "relay-flusher"

    def __init__(self, client: redis.Redis) -> None:
        self.redis = client
        self.append = scripts.append(client)
        self._dirty: set[LiveLog] = set()
        self._lock = Lock()
        self._work = Event()
        self._thread: Thread | None = None

    def wake(self, live_log: LiveLog) -> None:
        with self._lock:
            self._dirty.add(live_log)
            if not (self._thread and self._thread.is_alive()):
                self._thread = Thread(target=self._run, name=self.NAME, daemon=True)
                self._thread.start()
        self._work.set()

    @property
    def is_well(self) -> bool:
        """Whether its thread lives; true before the first wake, which starts it."""
        return self._thread is None or self._thread.is_alive()

    def _run(self) -> None:
        while True:
            self._work.wait()
            time.sleep(FLUSH_SECONDS)
            self._work.clear()
            with self._lock:
                dirty, self._dirty = self._dirty, set()
            for live_log in dirty:
                live_log.flush()


def join(waiting: list[StreamEvent | RunEnded], event: StreamEvent) -> None:
    """Adds an event to those that wait; one that only continues the text of the last is joined to it."""
    last = waiting[-1] if waiting else None
    match last, event:
        case TextDelta(logprobs=None), TextDelta(logprobs=None) if _continues(last, event, last.text, event.text):
            waiting[-1] = TextDelta(text=last.text + event.text, choice=event.choice)
        case ReasoningDelta(provider_metadata=None), ReasoningDelta(provider_metadata=None) if _continues(
            last, event, last.text, event.text
        ):
            waiting[-1] = ReasoningDelta(text=last.text + event.text, choice=event.choice)
        case RefusalDelta(), RefusalDelta() if _continues(last, event, last.text, event.text):
            waiting[-1] = RefusalDelta(text=last.text + event.text, choice=event.choice)
        case ToolCallDelta(), ToolCallDelta(call_id=None, name=None, provider_metadata=None) if (
            last.index == event.index and _continues(last, event, last.arguments, event.arguments)
        ):
            waiting[-1] = replace(last, arguments=last.arguments + event.arguments)
        case _, TextDelta(logprobs=None) if len(event.text) > MAX_JOINED_CHARACTERS:
            waiting += _slices(event)
        case _:
            waiting.append(event)


def _continues(last: TextLike, event: TextLike, text: str, more: str) -> bool:
    """Each joined token copies the text before it, so joined texts stay short."""
    return last.choice == event.choice and len(text) + len(more) <= MAX_JOINED_CHARACTERS


def _slices(event: TextDelta) -> Iterator[TextDelta]:
    """Readers take the log page by page, and no page is smaller than one event."""
    starts = range(0, len(event.text), MAX_JOINED_CHARACTERS)
    return (TextDelta(event.text[at : at + MAX_JOINED_CHARACTERS], event.choice) for at in starts)


def notify_readers(client: redis.Redis, *, channels: Sequence[str], free_places_of: Sequence[str] = ()) -> None:
    """Makes the readers of runs look at the database, where these ended without their worker.

    `free_places_of`: the ids of those that ended just now.

    It may be lost with Redis: readers look by themselves once they have heard nothing for long. All at once: while
    Redis hangs each would wait for its timeout, with somebody's thread.
    """
    pipe = client.pipeline(transaction=False)
    for channel in channels:
        pipe.publish(channel, b"")
    _free_places(pipe, free_places_of)
    try:
        pipe.execute()
    except redis.RedisError as exc:
        log.warning("relay_unreachable", channel=channels[0], error=type(exc).__name__)


def close(
    client: redis.Redis, *, run_id: str, channel: str, attempt: int, position: int, ended: RunEnded, keep_seconds: int
) -> None:
    """Writes the end of a fenced log, a new one if Redis lost it since, and makes its readers look."""
    pipe = client.pipeline(transaction=False)
    key, entry = codec.log_key(run_id, attempt), orjson.dumps(codec.dump_item(ended))
    pipe.xadd(key, {"e": entry}, id=f"{position}-0")
    pipe.expire(key, keep_seconds, nx=True)
    pipe.publish(channel, b"")
    _free_places(pipe, [run_id])
    try:
        pipe.execute(raise_on_error=False)
    except redis.RedisError as exc:
        log.warning("relay_unreachable", channel=channel, error=type(exc).__name__)


def _free_places(pipe: Any, run_ids: Sequence[str]) -> None:
    if run_ids:
        pipe.eval(run_places.RELEASE, len(run_ids), *map(run_places.facts_key, run_ids))


def erase(client: redis.Redis, *, runs: Sequence[tuple[str, int]]) -> None:
    """Removes the logs of all attempts of runs before they expire by themselves. `runs`: ids and numbers of attempts.

    One command for all of them: while Redis hangs each would wait for its timeout, with somebody's thread.
    """
    keys = [codec.log_key(run_id, attempt) for run_id, attempts in runs for attempt in range(1, attempts + 1)]
    try:
        client.unlink(*keys)
    except redis.RedisError as exc:
        log.warning("relay_unreachable", run_id=runs[0][0], error=type(exc).__name__)
