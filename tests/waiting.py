"""Waiting for what a test needs, instead of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

from tests.fakes.upstream import PATIENCE_SECONDS

Seen = TypeVar("Seen")


def eventually(read: Callable[[], Seen], is_done: Callable[[Seen], bool], *, within: float = PATIENCE_SECONDS) -> Seen:
    """What `read` returns, as soon as `is_done` accepts it."""
    deadline = time.monotonic() + within
    while not is_done(seen := read()):
        assert time.monotonic() < deadline, f"Still {seen!r} after {within} s"
        time.sleep(0.02)
    return seen
