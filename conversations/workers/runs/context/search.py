"""Searches the web for a turn, beside whatever else is gathered for it, and reads the pages that are found.

Whatever goes wrong, the turn goes on without: its notes say so.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue

import structlog

from conversations import extraction
from conversations.outbound.errors import OutboundError
from conversations.rules.prices import beside
from conversations.search import call
from conversations.search.engine import Engine, Query, Result, SearchFailed
from conversations.shares import begin_thread
from conversations.values.context.sources import Gathered, SearchSize
from conversations.workers.runs.context import pages, question
from conversations.workers.runs.context.pages import Page
from conversations.workers.runs.context.turn import DRY_RUN, Turn
from providers.errors import CallAborted
from providers.transport.abortable import AbortHandle

log = structlog.get_logger(__name__)

NAME = "search"
NO_THREAD = "no thread is free"
OFF, FAILED, EMPTY, TIMEOUT = "off", "failed", "empty", "timeout"
PAGES: dict[SearchSize, int] = {"low": 3, "medium": 5, "high": 10}

_Found = list[Result] | SearchFailed
# A page, or None for one that cannot be read, with its place in the results.
_Read = tuple[int, Page | None]


class Search:
    """One search, in threads of its own. Its time is counted from when it is made."""

    def __init__(self, turn: Turn, engine: Engine, text: str) -> None:
        self._turn = turn
        self._engine = engine
        self._text = text
        self._ends_at = time.monotonic() + turn.process.searcher.seconds
        self._abort = AbortHandle()
        self._news: SimpleQueue[_Found | _Read | None] = SimpleQueue()
        self._is_over = False
        if not begin_thread(self._ask, name=NAME):
            self._news.put(SearchFailed(NO_THREAD))

    def stop(self) -> None:
        """Its threads end soon, and nobody reads what they bring."""
        self._is_over = True
        self._abort.abort()

    def result(self) -> Gathered:
        """Raises CallAborted when the run is stopped."""
        self._turn.handle.attach(lambda: self._news.put(None))
        try:
            found = self._next()
        except Empty:
            found = SearchFailed("it was silent for too long", is_late=True)
        if isinstance(found, SearchFailed):
            return self._failed(found)
        # The first news is never a page.
        results = found if isinstance(found, list) else []
        sources = pages.sources(self._text, results, self._pages(len(results)))
        return Gathered(sources, notes={} if sources else {NAME: EMPTY}, has_searched=True)

    def _pages(self, count: int) -> list[Page | None]:
        """Those that were read in time."""
        read: list[Page | None] = [None] * count
        try:
            for _ in range(count):
                news = self._next()
                if isinstance(news, tuple):
                    read[news[0]] = news[1]
        except Empty:
            pass
        return read

    def _next(self) -> _Found | _Read:
        """Raises Empty when the time is over."""
        news = self._news.get(timeout=self._left())
        if news is None:
            raise CallAborted("The run was stopped while it searched.")
        return news

    def _failed(self, failure: SearchFailed) -> Gathered:
        if failure.retry_after is not None:
            self._turn.process.searcher.rest(failure.retry_after)
        log.warning(
            "search_failed",
            run_id=self._turn.run.public_id,
            engine=self._engine.name,
            status=failure.status,
            reason=failure.reason,
        )
        return Gathered(notes={NAME: TIMEOUT if failure.is_late else FAILED}, has_searched=True)

    def _ask(self) -> None:
        query = Query(self._text, PAGES[self._turn.asked.search_size], self._turn.asked.search_country)
        process = self._turn.process
        try:
            found = call.search(
                self._engine,
                query,
                transport=process.http,
                handle=self._abort,
                seconds=process.searcher.engine_seconds,
            )
        except SearchFailed as exc:
            self._news.put(exc)
        except CallAborted:
            pass
        except Exception as exc:
            log.error("search_broke", run_id=self._turn.run.public_id, engine=self._engine.name, exc_info=exc)
            self._news.put(SearchFailed("it broke"))
        else:
            self._turn.beside.add(beside.of_search(self._engine.name))
            self._news.put(list(found))
            for at, result in enumerate(found):
                if not begin_thread(self._read, at, result.url, name=NAME):
                    self._news.put((at, None))

    def _read(self, at: int, url: str) -> None:
        page: Page | None = None
        try:
            page = self._fetched(url)
        except (OutboundError, extraction.Unreadable) as exc:
            log.debug("page_not_read", run_id=self._turn.run.public_id, error=type(exc).__name__)
        except Exception as exc:
            log.error("page_broke", run_id=self._turn.run.public_id, exc_info=exc)
        self._news.put((at, page))

    def _fetched(self, url: str) -> Page | None:
        if self._left() <= 0:
            return None
        owner = self._turn.run.account_id
        fetched = self._turn.process.searcher.pages.fetch(
            url,
            owner=owner,
            seconds=self._left(),
            most_bytes=pages.PAGE_MAX_BYTES,
            may_go_on=lambda: not self._is_over,
        )
        return pages.read(fetched, owner=owner, seconds=self._left(), is_wanted=lambda: not self._is_over)

    def _left(self) -> float:
        return max(0.0, self._ends_at - time.monotonic())


@contextmanager
def begun(turn: Turn) -> Iterator[Search | None]:
    """The search that goes on inside the block. None where none is to be made, or none can be (`gathered`).

    Raises BalanceUsedUp and CostLimitReached for one that cannot be paid, and ServiceUnavailable.
    """
    engine = turn.process.searcher.engine if _is_ours(turn) else None
    text = question.for_search(turn.inputs.messages) if engine else ""
    if engine is None or not text or turn.process.searcher.rests:
        yield None
        return
    used = beside.of_search(engine.name)
    turn.beside.reserve(used)
    if turn.run.is_dry and turn.beside.costs(used):
        # It would be paid by nobody, however often it is made. What the turn would reserve has it.
        turn.beside.add(used)
        yield None
        return
    search = Search(turn, engine, text)
    try:
        yield search
    finally:
        search.stop()


def gathered(turn: Turn, search: Search | None) -> Gathered:
    """What it brought. Raises CallAborted when the run is stopped."""
    if search is not None:
        return search.result()
    if not _is_ours(turn):
        return Gathered()
    if turn.process.searcher.engine is None:
        return Gathered(notes={NAME: OFF}, has_searched=True)
    if turn.run.is_dry and any(used.searches for used in turn.beside.untaken()):
        return Gathered(notes={NAME: DRY_RUN}, has_searched=True)
    return Gathered(notes={NAME: FAILED} if turn.process.searcher.rests else {}, has_searched=True)


def _is_ours(turn: Turn) -> bool:
    return turn.asked.search and not turn.is_searched_by_vendor
