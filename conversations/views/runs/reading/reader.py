"""Reads one run's events: live ones through the relay, the end from the database when Redis does not tell it."""

from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError

from conversations.batching import Batcher
from conversations.loop_local import LoopLocal
from conversations.queries import runs as run_queries
from conversations.queries.runs import FoundRun
from conversations.relay import tail
from conversations.relay.cursor import Cursor
from conversations.relay.follow import Subscription
from conversations.relay.tail import Idle
from conversations.rules.client_tokens import refusals
from conversations.values.callers import Caller
from conversations.values.runs import Restarted, RunEnded, RunEvent
from conversations.views.http import threadpool
from conversations.views.http.follower import follower
from conversations.views.runs.reading.ended_runs import EndedRuns
from conversations.views.runs.reading.slots import ReaderSlots

log = structlog.get_logger(__name__)

# A silent stream is sent a keep-alive this often, for proxies; the HTTP status waits as long for the first event.
SILENCE_SECONDS = 10.0
# Of a row's events, which are up to 16 kB each.
PAGE_EVENTS = 32

_SLOTS = LoopLocal(lambda: ReaderSlots(most=settings.MAX_STREAMS_PER_KEY))
_ENDED_RUNS = LoopLocal(lambda: EndedRuns(run_queries.ended_run))
_HAVE_ENDED: LoopLocal[Batcher[int, bool]] = LoopLocal(lambda: Batcher(_have_ended))


async def _has_ended(run_id: int) -> bool:
    """Whether the database says so; one query serves all readers who ask at the same moment.

    False while the database is away: readers then go on waiting.
    """
    try:
        return await _HAVE_ENDED.get().ask(run_id)
    except DatabaseError as exc:
        log.warning("end_not_looked_up", error=type(exc).__name__)
        return False


async def _have_ended(run_ids: Sequence[int]) -> list[bool]:
    return await threadpool.call(run_queries.have_ended, run_ids)


async def _with_slot(subscribing: Coroutine[Any, Any, Subscription], *, caller: Caller) -> Subscription:
    """The subscription, made once the key has a slot for it. Raises RateLimited."""
    slots = _SLOTS.get()
    with closing(subscribing):
        slots.take(caller)
        try:
            return await subscribing
        except BaseException:
            slots.give_back(caller)
            raise


class RunEventReader:
    """Begin it before the run is queued, or attach it later; close it once. It belongs to one event loop.

    It holds a slot of its reader's key until then. Its one cursor says which attempt it reads and how far it has come;
    what is read again from another attempt is announced by a `Restarted`.
    """

    def __init__(
        self, subscription: Subscription, *, caller: Caller, attempt: int, is_late: bool, after: int = 0
    ) -> None:
        self._subscription = subscription
        self._caller = caller
        self._cursor = Cursor(attempt=attempt)
        self._is_late = is_late
        self._after = after

    @classmethod
    async def begin(cls, public_id: str, *, caller: Caller) -> "RunEventReader":
        """For a run that this process is about to accept: none of its events can be missed. Raises RateLimited."""
        subscription = await _with_slot(follower().follow(public_id), caller=caller)
        return cls(subscription, caller=caller, attempt=1, is_late=False)

    @classmethod
    async def attach(cls, run: FoundRun, *, caller: Caller, after: int = 0) -> "RunEventReader":
        """For a run accepted earlier, perhaps by another process: its log is read first. Raises RateLimited.

        Events up to the position `after`, which the caller already has, come as well; but none reaches across it.
        """
        subscribing = follower().attach(run.context.run_id, channel=run.channel)
        subscription = await _with_slot(subscribing, caller=caller)
        return cls(subscription, caller=caller, attempt=max(run.attempt, 1), is_late=True, after=after)

    def close(self) -> None:
        _SLOTS.get().give_back(self._caller)
        follower().leave(self._subscription)

    def events(self, *, run_id: int) -> AsyncIterator[RunEvent | Restarted | None]:
        """As `_events`. A client token is not told what its account alone may know."""
        found = self._events(run_id=run_id)
        return _to_visitor(found) if self._caller.visitor else found

    async def _events(self, *, run_id: int) -> AsyncIterator[RunEvent | Restarted | None]:
        """From the first event up to and with the RunEnded; None after every SILENCE_SECONDS without an event."""
        live = tail.events(
            follower(),
            self._subscription,
            cursor=self._cursor,
            is_late=self._is_late,
            silence_seconds=SILENCE_SECONDS,
        )
        async for item in live:
            if not isinstance(item, Idle):
                yield item
                continue
            if await _has_ended(run_id):
                async for missed in self._rest(run_id):
                    yield missed
                return
            if item is Idle.SILENCE:
                yield None

    async def _rest(self, run_id: int) -> AsyncIterator[RunEvent | Restarted]:
        """The events after the cursor of a run that has ended: from its log as far as that reaches, then from its row.

        The log comes first, for it may have grown since it was read, and it alone has each event at its own position.
        """
        while page := await self._log_page():
            for item in page:
                self._cursor.position = item.position
                yield item
                if isinstance(item.event, RunEnded):
                    return
        async for missed in self._row_events(run_id):
            yield missed

    async def _log_page(self) -> list[RunEvent]:
        """The log's next events; none where it has a gap, or ends."""
        cursor = self._cursor
        page = await follower().read_log(self._subscription.run_id, attempt=cursor.attempt, after=cursor.position)
        return page if page and page[0].position == cursor.position + 1 else []

    async def _row_events(self, run_id: int) -> AsyncIterator[RunEvent | Restarted]:
        """The end always comes, also where the row kept less of the answer than this reader has seen."""
        cursor, is_restarted = self._cursor, False
        while (run := await _ENDED_RUNS.get().get(run_id)) is not None:
            if (attempt := max(run.attempt, 1)) != cursor.attempt:
                is_restarted = cursor.restart(attempt)
            cut = max(cursor.position, self._after)
            for item in _page(run_queries.stored_events(run, cut=cut, beyond=cursor.position)):
                if is_restarted:
                    is_restarted = False
                    yield Restarted(item.position)
                cursor.position = item.position
                yield item
                if isinstance(item.event, RunEnded):
                    return


def _page(events: Iterator[RunEvent]) -> list[RunEvent]:
    """The next events, up to a whole position. As a list they hold copies, so that the row can be freed."""
    page: list[RunEvent] = []
    for _, items in groupby(events, key=attrgetter("position")):
        page += items
        if len(page) >= PAGE_EVENTS:
            break
    return page


async def _to_visitor(
    events: AsyncIterator[RunEvent | Restarted | None],
) -> AsyncIterator[RunEvent | Restarted | None]:
    async for item in events:
        if isinstance(item, RunEvent) and isinstance(item.event, RunEnded):
            yield replace(item, event=refusals.end_to_visitor(item.event))
        else:
            yield item
