"""One reader's way through a run's events: the log first where events may be missing, then the published ones."""

import asyncio
from collections.abc import AsyncIterator
from enum import Enum

from conversations.relay import codec
from conversations.relay.cursor import Cursor
from conversations.relay.follow import Follower, Subscription
from conversations.values.runs import Restarted, RunEnded, RunEvent

# Silent readers look at multiples of this, so that hundreds of them share one query (batching.py).
LOOK_TOGETHER_SECONDS = 0.5


class Idle(Enum):
    """No event came, so the database is to be asked. SILENCE: and nothing was heard for `silence_seconds`."""

    LOOK = "look"
    SILENCE = "silence"


async def events(
    follower: Follower, subscription: Subscription, *, cursor: Cursor, is_late: bool, silence_seconds: float
) -> AsyncIterator[RunEvent | Restarted | Idle]:
    """A run's events beyond the cursor, which moves along; in order without gap or repeat, the last is the RunEnded.

    A newer attempt begins at its first event, after a `Restarted`; an older attempt's events are dropped.
    `is_late`: the run was queued before the subscription began, so its log is read first.
    """
    attempt, batch = cursor.attempt, await _read_log(follower, subscription, cursor) if is_late else []
    is_from_log = is_late
    while True:
        has_advanced = False
        if batch and attempt > cursor.attempt and cursor.restart(attempt):
            yield Restarted(batch[0].position)
        for item in batch if attempt == cursor.attempt else ():
            if item.position != cursor.position + 1:
                continue
            cursor.position = item.position
            has_advanced = True
            yield item
            if isinstance(item.event, RunEnded):
                return
        if is_from_log and has_advanced:
            batch = await _read_log(follower, subscription, cursor)
            continue
        if is_late:
            # The log may never get an end: its worker may have died, and then only the row tells the end.
            is_late = False
            yield Idle.LOOK
        data, idle = await _next_message(subscription, silence_seconds=silence_seconds)
        attempt, batch, is_from_log = await _next_batch(data, follower, subscription, cursor)
        if not batch:
            yield idle


async def _next_message(subscription: Subscription, *, silence_seconds: float) -> tuple[bytes | None, Idle]:
    """What was published, and why there is nothing if it turns out to hold no event."""
    try:
        async with asyncio.timeout_at(_next_look(silence_seconds)):
            return await subscription.inbox.take(), Idle.LOOK
    except TimeoutError:
        return None, Idle.SILENCE


async def _next_batch(
    data: bytes | None, follower: Follower, subscription: Subscription, cursor: Cursor
) -> tuple[int, list[RunEvent], bool]:
    """An attempt's next events, and whether the log was read for them.

    The log is read after silence, after a message without events, and where published events leave a gap.
    """
    attempt, batch = codec.load_published(data) if data else (cursor.attempt, [])
    if batch and not cursor.is_behind(attempt, batch):
        return attempt, batch, False
    if attempt > cursor.attempt:
        return attempt, await follower.read_log(subscription.run_id, attempt=attempt, after=0), True
    return cursor.attempt, await _read_log(follower, subscription, cursor), True


async def _read_log(follower: Follower, subscription: Subscription, cursor: Cursor) -> list[RunEvent]:
    """The next page of the log that the cursor is in."""
    return await follower.read_log(subscription.run_id, attempt=cursor.attempt, after=cursor.position)


def _next_look(silence_seconds: float) -> float:
    """When a reader that hears nothing is to look: a little early, so that all silent readers look at the same time."""
    due = asyncio.get_running_loop().time() + silence_seconds
    return due - due % LOOK_TOGETHER_SECONDS
