"""What a worker process searches the web with: the engine, and the door to the pages that it names."""

import time

from django.conf import settings

from conversations.outbound.fetch import Fetcher
from conversations.search import registry

# In all: a reader waits for it before the first word.
SEARCH_SECONDS = 8.0
# SearXNG itself waits 3 s for its engines.
ENGINE_SECONDS = 5.0
# Each may hold PAGE_MAX_BYTES (`pages.py`) in memory. One account has half of them at most.
PAGES_AT_ONCE = 32
# An engine that says to come back later is left alone for so long at most: it is asked for others too.
REST_MAX_SECONDS = 60.0


class Searcher:
    """Used by all threads of a process. `engine` is None where search is off.

    `seconds` is the bound of a search with all its pages, `engine_seconds` that of the engine's answer.
    """

    def __init__(self) -> None:
        self.engine = registry.configured(settings.SEARCH_SETTINGS)
        self.seconds, self.engine_seconds = SEARCH_SECONDS, ENGINE_SECONDS
        self.pages = Fetcher(allow=settings.OUTBOUND_ALLOW, at_once=PAGES_AT_ONCE)
        self._rests_until = 0.0

    @property
    def rests(self) -> bool:
        """Whether the engine has asked to be left alone, and the time is not over."""
        return time.monotonic() < self._rests_until

    def rest(self, seconds: float) -> None:
        self._rests_until = time.monotonic() + min(seconds, REST_MAX_SECONDS)
