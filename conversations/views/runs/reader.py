"""A reader of one run's events: live ones through the relay, the end from the database when Redis kept silent."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from operator import attrgetter
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError

from conversations.batching import Batcher
from conversations.queries import runs as run_queries
from conversations.queries.runs import FoundRun
from conversations.relay import tail
from conversations.relay.follow import Follower, Subscription
from conversations.relay.tail import Idle
from conversations.values.runs import RunEnded, RunEvent
from conversations.views.http import threadpool
from conversations.views.runs.ended_runs import EndedRuns
from conversations.views.runs.reader_places import ReaderPlaces

log = structlog.get_logger(__name__)

# A proxy in between sees a sign of life this often; also how long the HTTP status waits for the first event.
SILENCE_SECONDS = 10.0
# Of a row's events, which are up to 16 kB each.
PAGE_EVENTS = 32

_followers: dict[asyncio.AbstractEventLoop, Follower] = {}
_places: dict[asyncio.AbstractEventLoop, ReaderPlaces] = {}
_rows: dict[asyncio.AbstractEventLoop, EndedRuns] = {}
_endings: dict[asyncio.AbstractEventLoop, Batcher[int, bool]] = {}


def follower() -> Follower:
    """The one of this process's event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _followers:
        _followers[loop] = Follower(settings.REDIS_URL)
    return _followers[loop]


def _reader_places() -> ReaderPlaces:
    loop = asyncio.get_running_loop()
    if loop not in _places:
        _places[loop] = ReaderPlaces(most=settings.MAX_STREAMS_PER_KEY)
    return _places[loop]


def _ended_runs() -> EndedRuns:
    loop = asyncio.get_running_loop()
    if loop not in _rows:
        _rows[loop] = EndedRuns(run_queries.ended_run)
    return _rows[loop]


async def _has_ended(run_id: int) -> bool:
    """What the database says, asked once for all readers who want to know at the same moment.

    While it is away nobody knows of an end, and whoever reads goes on doing so.
    """
    loop = asyncio.get_running_loop()
    if loop not in _endings:
        _endings[loop] = Batcher(_have_ended)
    try:
        return await _endings[loop].ask(run_id)
    except DatabaseError as exc:
        log.warning("end_not_looked_up", error=type(exc).__name__)
        return False


async def _have_ended(run_ids: Sequence[int]) -> list[bool]:
    return await threadpool.call(run_queries.have_ended, run_ids)


async def _placed(following: Coroutine[Any, Any, Subscription], *, api_key_id: int) -> Subscription:
    """The subscription, once the key has taken a place for it. Raises RateLimited."""
    places = _reader_places()
    with closing(following):
        places.take(api_key_id)
        try:
            return await following
        except BaseException:
            places.give_back(api_key_id)
            raise


class RunEventReader:
    """Begin it before the run is queued, or attach it later; close it in the end, once, from any thread.

    It holds a place of its reader's key meanwhile.
    """

    def __init__(
        self, subscription: Subscription, *, api_key_id: int, attempt: int, is_late: bool, after: int = 0
    ) -> None:
        self._subscription = subscription
        self._api_key_id = api_key_id
        self._loop = asyncio.get_running_loop()
        self._attempt = attempt
        self._is_late = is_late
        self._after = after
        self._position = 0

    @classmethod
    async def begin(cls, run_id: str, *, api_key_id: int) -> "RunEventReader":
        """For a run that this process is about to accept: nothing of it can be missed. Raises RateLimited."""
        subscription = await _placed(follower().follow(run_id), api_key_id=api_key_id)
        return cls(subscription, api_key_id=api_key_id, attempt=1, is_late=False)

    @classmethod
    async def attach(cls, run: FoundRun, *, api_key_id: int, after: int = 0) -> "RunEventReader":
        """For a run accepted earlier, perhaps by another process: its log is read first. Raises RateLimited.

        All its events come, also those up to `after`, which the caller had before; but none that lies across it.
        """
        following = follower().attach(run.asked.run_id, channel=run.channel)
        subscription = await _placed(following, api_key_id=api_key_id)
        return cls(subscription, api_key_id=api_key_id, attempt=max(run.attempt, 1), is_late=True, after=after)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        _reader_places().give_back(self._api_key_id)
        follower().leave(self._subscription)

    async def events(self, *, run_id: int) -> AsyncIterator[RunEvent | None]:
        """From the first up to and with the RunEnded; None after every SILENCE_SECONDS without news."""
        live = tail.events(
            follower(),
            self._subscription,
            attempt=self._attempt,
            is_late=self._is_late,
            silence_seconds=SILENCE_SECONDS,
        )
        async for item in live:
            if isinstance(item, RunEvent):
                self._attempt, self._position = item.attempt, item.position
                yield item
                continue
            if await _has_ended(run_id):
                async for missed in self._rest(run_id):
                    yield missed
                return
            if item is Idle.SILENCE:
                yield None

    async def _rest(self, run_id: int) -> AsyncIterator[RunEvent]:
        """What a run that has ended still has to say here: by its log as far as that goes on, the rest by its row.

        The log may have gone on since it was read, and it alone tells each event by its own position.
        """
        while page := await self._page():
            for item in page:
                self._position = item.position
                yield item
                if isinstance(item.event, RunEnded):
                    return
        async for missed in self._told_by_row(run_id):
            yield missed

    async def _page(self) -> list[RunEvent]:
        """The log's next events; none where it has a gap, or ends."""
        page = await follower().read_log(self._subscription.run_id, attempt=self._attempt, after=self._position)
        return page if page and page[0].position == self._position + 1 else []

    async def _told_by_row(self, run_id: int) -> AsyncIterator[RunEvent]:
        """The end always comes: the row may have kept less than this reader saw."""
        cut = max(self._position, self._after)
        while (run := await _ended_runs().get(run_id)) is not None:
            for item in _some(run_queries.stored_events(run, attempt=self._attempt, cut=cut, beyond=self._position)):
                self._attempt, self._position = item.attempt, item.position
                yield item
                if isinstance(item.event, RunEnded):
                    return


def _some(told: Iterator[RunEvent]) -> list[RunEvent]:
    """The next page of them, ended between two positions: what it holds is copied, and the row can be let go."""
    page: list[RunEvent] = []
    for _, items in groupby(told, key=attrgetter("position")):
        page += items
        if len(page) >= PAGE_EVENTS:
            break
    return page
