"""A reader of one run's events: live ones through the relay, the end from the database when Redis kept silent."""

import asyncio
from collections.abc import AsyncIterator

from django.conf import settings

from conversations.queries import runs as run_queries
from conversations.queries.runs import EndedRun
from conversations.relay import follow
from conversations.relay.follow import Follower, Subscription
from conversations.services.runs import AcceptedRun
from conversations.turns import RunEvent
from conversations.views import blocking
from providers.events import TextDelta

# A proxy in between sees a sign of life this often; also how long the HTTP status waits for the first event.
SILENCE_SECONDS = 10.0

_followers: dict[asyncio.AbstractEventLoop, Follower] = {}


def follower() -> Follower:
    """The one of this process's event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _followers:
        _followers[loop] = Follower(settings.REDIS_URL)
    return _followers[loop]


class TurnReader:
    """Open it before the run is queued, so that nothing is missed; close it in the end, from any thread."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._loop = asyncio.get_running_loop()
        self._seen = ""
        self._position = 0
        self._attempt = 1

    @classmethod
    async def open(cls, run_id: str) -> "TurnReader":
        return cls(await follower().follow(run_id))

    @property
    def channel(self) -> str:
        return self._subscription.channel

    def close(self) -> None:
        self._loop.call_soon_threadsafe(_followers[self._loop].leave, self._subscription)

    async def events(self, run: AcceptedRun) -> AsyncIterator[RunEvent | None]:
        """Up to and with the RunEnded; None after every SILENCE_SECONDS without news."""
        live = follow.events(
            follower(),
            self._subscription,
            attempt=1,
            after=0,
            replay=False,
            silence_seconds=SILENCE_SECONDS,
        )
        async for item in live:
            if item is not None:
                self._note(item)
                yield item
                continue
            ended = await blocking.call(run_queries.ended_run, run_id=run.pk)
            if ended is not None:
                for missed in self._missed(ended):
                    yield missed
                return
            yield None

    def _note(self, item: RunEvent) -> None:
        if item.attempt > self._attempt:
            self._seen = ""
        self._attempt, self._position = item.attempt, item.position
        if isinstance(item.event, TextDelta) and item.event.choice == 0:
            self._seen += item.event.text

    def _missed(self, run: EndedRun) -> list[RunEvent]:
        """The rest of the answer, as events that follow the ones this reader has seen."""
        is_same = run.attempt == self._attempt and run.text.startswith(self._seen)
        attempt = self._attempt if is_same else max(run.attempt, self._attempt + 1)
        position = self._position if is_same else 0
        rest = run.text[len(self._seen) :] if is_same else run.text
        return [
            RunEvent(position=position + 1, event=TextDelta(rest), attempt=attempt),
            RunEvent(position=position + 2, event=run.ended, attempt=attempt),
        ]
