"""Reads the files of a turn: fetched or unpacked, then their text extracted, several at once and each within bounds.

The run's thread only waits, so that stopping the run ends it at once. A reading that nobody waits for any more still
counts as its account's, until its server or its time is over.
"""

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from queue import Empty, SimpleQueue

import structlog
from django.conf import settings

from conversations import extraction
from conversations.extraction import Unreadable
from conversations.outbound.errors import OutboundError
from conversations.outbound.fetch import Fetcher
from conversations.shares import Shares, begin_thread
from conversations.values.context.contents import ReadContent, content_digest
from conversations.workers.runs.context.wanted import Wanted
from conversations.workers.runs.process import RunHandle
from providers.errors import CallAborted
from providers.messages import FilePart, ImagePart

log = structlog.get_logger(__name__)

# Of one run, and of one process: each holds a whole file in memory.
OF_RUN_AT_ONCE = 4
AT_ONCE = 16
NO_TIME = "the files of this turn took too long together"
NO_THREAD = "too many files are being read at the moment"
IMAGE_MAX_BYTES = 10_000_000

_shares = Shares(AT_ONCE)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file was not read. `is_busy`: the same may succeed later, unchanged."""

    message: str
    is_busy: bool = False


Outcome = ReadContent | Problem


@dataclass(frozen=True, slots=True)
class _Waits:
    """Who waits for the files, until when (`time.monotonic()`), and whether anybody still does."""

    owner: int
    ends_at: float
    may_go_on: Callable[[], bool]

    def left(self) -> float:
        return max(0.0, self.ends_at - time.monotonic())


@cache
def fetcher() -> Fetcher:
    """This process's own."""
    return Fetcher(allow=settings.OUTBOUND_ALLOW)


def read_all(
    files: Sequence[Wanted], *, owner: int, handle: RunHandle, seconds: float
) -> Generator[tuple[Wanted, Outcome], None, None]:
    """Each file with what came of it, as it comes; those that are late, with a problem.

    `seconds` are for all, with the time in which they wait for each other and for others of the account. Who wants no
    more of them closes it: files that were not begun are left then, and others end with their next piece.
    Raises CallAborted as soon as the run is stopped.
    """
    ends_at = time.monotonic() + seconds
    waiting: SimpleQueue[Wanted] = SimpleQueue()
    # None: the run was stopped.
    outcomes: SimpleQueue[tuple[Wanted, Outcome] | None] = SimpleQueue()
    for file in files:
        waiting.put(file)
    is_over = threading.Event()
    handle.attach(lambda: outcomes.put(None))
    work = partial(
        _work, waiting, outcomes, _Waits(owner, ends_at, lambda: handle.aborted_as is None and not is_over.is_set())
    )
    left = {id(file.part): file for file in files}
    try:
        begun = sum(begin_thread(work, name="reading") for _ in range(min(OF_RUN_AT_ONCE, len(files))))
        if not begun:
            yield from ((file, Problem(NO_THREAD, is_busy=True)) for file in files)
            return
        with suppress(Empty):
            while left:
                found = outcomes.get(timeout=max(0.0, ends_at - time.monotonic()))
                if found is None:
                    raise CallAborted("The run was aborted while its files were read.")
                del left[id(found[0].part)]
                yield found
        yield from ((file, Problem(NO_TIME, is_busy=True)) for file in left.values())
    finally:
        is_over.set()


def _work(
    waiting: "SimpleQueue[Wanted]",
    outcomes: "SimpleQueue[tuple[Wanted, Outcome] | None]",
    waits: "_Waits",
) -> None:
    with suppress(Empty):
        while waits.may_go_on():
            file = waiting.get_nowait()
            outcomes.put((file, _read_in_place(file, waits)))


def _read_in_place(file: Wanted, waits: "_Waits") -> Outcome:
    if not _shares.begin(waits.owner, seconds=waits.left()):
        return Problem("too many other files of this account are being read", is_busy=True)
    try:
        return _read(file, waits) if waits.may_go_on() else Problem(NO_TIME, is_busy=True)
    except OutboundError as exc:
        return Problem(exc.message)
    except Unreadable as exc:
        return Problem(_clause(exc.message), is_busy=exc.retryable)
    except ValueError as exc:
        return Problem(str(exc))
    except Exception as exc:
        log.error("file_broke", error=type(exc).__name__, exc_info=exc)
        return Problem("it could not be read")
    finally:
        _shares.end(waits.owner)


def _read(file: Wanted, waits: "_Waits") -> ReadContent:
    """Raises OutboundError, Unreadable or ValueError."""
    if file.link:
        fetched = fetcher().fetch(file.link, owner=waits.owner, may_go_on=waits.may_go_on)
        data, declared, name = fetched.data, fetched.declared, _name(file, fetched.url)
    else:
        held = file.document()
        data, declared, name = held.data, held.media_type, held.name
    digest = content_digest(data, media_type=declared, name=name)
    if image := extraction.image_type(data):
        if len(data) > IMAGE_MAX_BYTES:
            raise ValueError(f"the image has more than {IMAGE_MAX_BYTES // 1_000_000} MB")
        return ReadContent(digest, image, data=data, size=len(data))
    if isinstance(file.part, ImagePart):
        raise ValueError("it is no image")
    found = extraction.extract(
        data, media_type=declared, name=name, owner=waits.owner, seconds=waits.left(), is_wanted=waits.may_go_on
    )
    if not found.text.strip():
        raise ValueError("it holds no text")
    return ReadContent(
        digest,
        found.media_type,
        title=found.title,
        text=found.text,
        page_starts=found.page_starts,
        size=len(data),
    )


def _clause(sentence: str) -> str:
    """As it follows a name and a colon."""
    begun = sentence.removesuffix(".")
    return f"it {begun[3:]}" if begun.startswith("It ") else begun


def _name(file: Wanted, url: str) -> str:
    given = file.part.filename if isinstance(file.part, FilePart) else None
    return given or url.partition("?")[0].partition("#")[0].rpartition("/")[2]
