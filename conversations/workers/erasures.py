"""Goes on with the erasures and knowledge bases that are due, a batch of each in turn, for a moment at a time.

It is a task of its own and no duty of the sweep: an account of millions of messages takes minutes.
"""

import threading
import time

from conversations import broker
from conversations.services import one_by_one
from conversations.services.erasures import advance
from conversations.services.knowledge import base_upkeep

# Then it comes to an end, so that a worker that is stopped need not wait, and is woken again.
SLICE_SECONDS = 2.0
# A pause after every batch, as a part of how long that took: turns get the database in between.
PAUSE = 0.5

_busy = threading.Lock()


def erase() -> None:
    """One thread of this process does it, however often it is woken. Raises nothing."""
    if not _busy.acquire(blocking=False):
        return
    try:
        one_by_one.try_step("erasures", "advance", _erase)
    finally:
        _busy.release()


def _erase() -> None:
    ends_at = time.monotonic() + SLICE_SECONDS
    after = 0
    while (began := time.monotonic()) < ends_at:
        advanced = advance.advance()
        changed, after = base_upkeep.advance(after=after)
        if advanced is None and not changed and not after:
            return
        time.sleep(PAUSE * (time.monotonic() - began))
    broker.wake_erasures()


def wake() -> None:
    """For the sweep: erasures and bases whose wake-up was lost, whose worker died, or that waited."""
    if advance.are_due() or base_upkeep.are_due():
        broker.wake_erasures()
