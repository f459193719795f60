"""One reader's way through a run's events: the log first where something may be missing, then the live ones."""

import asyncio
from collections.abc import AsyncIterator
from enum import Enum

from conversations.relay import codec
from conversations.relay.follow import Follower, Subscription
from conversations.values.runs import RunEnded, RunEvent

# Hundreds of silent readers then cost few questions (batching.py).
LOOK_TOGETHER_SECONDS = 0.5


class Idle(Enum):
    """No event, and why: the database may know more (LOOK), or nothing was heard for long (SILENCE), then too."""

    LOOK = "look"
    SILENCE = "silence"


class Cursor:
    """How far a reader has come. A newer attempt begins anew at its first event; an older one no longer counts."""

    def __init__(self, *, attempt: int) -> None:
        self.attempt = attempt
        self.position = 0

    def take(self, item: RunEvent) -> bool:
        """Whether this event is the next one; if so the reader has come that far."""
        if item.attempt > self.attempt:
            self.attempt, self.position = item.attempt, 0
        is_next = item.attempt == self.attempt and item.position == self.position + 1
        self.position += is_next
        return is_next

    def is_behind(self, first: RunEvent) -> bool:
        """Whether events before this one were missed."""
        return first.position > (self.position if first.attempt == self.attempt else 0) + 1


async def events(
    follower: Follower,
    subscription: Subscription,
    *,
    attempt: int,
    is_late: bool,
    silence_seconds: float,
) -> AsyncIterator[RunEvent | Idle]:
    """A run's events from the first on, in order without gap or repeat, up to and with its RunEnded.

    `is_late`: the run was queued before the subscription began, so its log is read first.
    """
    cursor = Cursor(attempt=attempt)
    batch = await _page(follower, subscription, cursor=cursor) if is_late else []
    is_logged = is_late
    while True:
        is_further = False
        for item in batch:
            if cursor.take(item):
                is_further = True
                yield item
                if isinstance(item.event, RunEnded):
                    return
        if is_logged and is_further:
            batch = await _page(follower, subscription, cursor=cursor)
            continue
        if is_late:
            # A log without an end may be all there will ever be: its worker died, and the row alone tells the end.
            is_late = False
            yield Idle.LOOK
        data, quiet = await _next_message(subscription, silence_seconds=silence_seconds)
        batch, is_logged = await _told(data, follower, subscription, cursor=cursor)
        if not batch:
            yield quiet


async def _next_message(subscription: Subscription, *, silence_seconds: float) -> tuple[bytes | None, Idle]:
    """What was published, and what it means that nothing was."""
    try:
        async with asyncio.timeout_at(_next_look(silence_seconds)):
            return await subscription.waiting.take(), Idle.LOOK
    except TimeoutError:
        return None, Idle.SILENCE


async def _told(
    data: bytes | None, follower: Follower, subscription: Subscription, *, cursor: Cursor
) -> tuple[list[RunEvent], bool]:
    """What was published; after silence, a reminder or a gap what the log has.

    The second value tells whether the events are the log's."""
    batch = codec.load_published(data) if data else []
    if batch and not cursor.is_behind(batch[0]):
        return batch, False
    newest = max([cursor.attempt, *(item.attempt for item in batch)])
    return await _page(follower, subscription, cursor=cursor, attempt=newest), True


async def _page(
    follower: Follower, subscription: Subscription, *, cursor: Cursor, attempt: int | None = None
) -> list[RunEvent]:
    """What the log of an attempt, the reader's own unless another is named, has next."""
    if attempt is None or attempt == cursor.attempt:
        return await follower.read_log(subscription.run_id, attempt=cursor.attempt, after=cursor.position)
    return await follower.read_log(subscription.run_id, attempt=attempt, after=0)


def _next_look(silence_seconds: float) -> float:
    """When a reader that hears nothing is to look; a little early, so that all silent ones look at the same moments."""
    due = asyncio.get_running_loop().time() + silence_seconds
    return due - due % LOOK_TOGETHER_SECONDS
