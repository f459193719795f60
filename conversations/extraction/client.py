"""What the service calls: a document goes to the server process, and its text or the reason comes back."""

import contextlib
import os
import signal
from collections.abc import Hashable

from conversations.extraction import extracted
from conversations.extraction.detect import image_type
from conversations.extraction.errors import Unreadable
from conversations.extraction.extracted import Extracted
from conversations.extraction.process import files, reports
from conversations.extraction.process.limits import Limits
from conversations.extraction.remote import Remote, ServerGone
from conversations.shares import Shares, Wanted, always

# In one process. Each child may use `Limits.memory_bytes`; one owner has two of them at most.
AT_ONCE = 4
WAIT_SECONDS = 60.0
# References are bounded by 20 MB; this is for who forgets to bound what he passes.
MAX_BYTES = 64_000_000
_TRIES = 2
_ANSWERED = reports.ended_with(reports.ANSWERED)
_OUT_OF_CPU = reports.ended_with(-signal.SIGXCPU)
_NOTHING_OF_THE_DOCUMENT = {
    reports.NOT_STARTED,
    reports.NOT_WANTED,
    reports.ended_with(reports.NO_ANSWER),
    reports.ended_with(-signal.SIGKILL),
}


class Extraction:
    """A server process of its own, which starts with the first document."""

    def __init__(self, remote: Remote, *, at_once: int = AT_ONCE, wait_seconds: float = WAIT_SECONDS) -> None:
        self.remote = remote
        self._shares = Shares(at_once)
        self._wait_seconds = wait_seconds

    def extract(
        self,
        data: bytes,
        *,
        media_type: str,
        name: str,
        owner: Hashable = None,
        seconds: float | None = None,
        is_wanted: Wanted = always,
    ) -> Extracted:
        """The text of a document, read in a process of its own.

        `media_type` is the declared one with its parameters, `name` a file's name or the path of a URL: both only help,
        and may be empty. `owner` is the account: one has no more than half of the places. Waits for a place at most
        `seconds` (WAIT_SECONDS, where that is less or nothing is said), and `Limits.wall_seconds` for the text; and for
        neither once `is_wanted`, which is asked several times a second, says no. Raises Unreadable; where its
        `retryable` is true, that says nothing about the document.
        """
        if image := image_type(data):
            return Extracted(text="", media_type=image)
        if len(data) > MAX_BYTES:
            raise Unreadable(f"It is larger than {MAX_BYTES:,} bytes.", reason="too_large")
        wait = self._wait_seconds if seconds is None else min(seconds, self._wait_seconds)
        if not self._shares.begin(owner, seconds=wait, is_wanted=is_wanted):
            raise Unreadable("Too many documents are being read at the moment. Try it again.", reason="busy")
        try:
            return self._extract(data, media_type=media_type, name=name, is_wanted=is_wanted)
        finally:
            self._shares.end(owner)

    def _extract(self, data: bytes, *, media_type: str, name: str, is_wanted: Wanted) -> Extracted:
        # The server ends when it has nothing to do, just as this document comes; or somebody has ended it.
        for _ in range(_TRIES):
            # OSError: the system has no room for the server, a file or a pipe.
            with contextlib.suppress(ServerGone, OSError):
                return self._ask(data, media_type=media_type, name=name, is_wanted=is_wanted)
        raise _interrupted()

    def _ask(self, data: bytes, *, media_type: str, name: str, is_wanted: Wanted) -> Extracted:
        with files.nameless() as question_fd, files.nameless() as answer_fd:
            files.write_question(question_fd, data, media_type=media_type, name=name)
            report = self.remote.run(question_fd, answer_fd, is_wanted=is_wanted)
            if report != _ANSWERED:
                raise _unreadable(report)
            try:
                outcome = extracted.read(files.read(answer_fd))
            except ValueError:
                raise Unreadable("It is damaged.", reason="damaged") from None
        if isinstance(outcome, Unreadable):
            raise outcome
        return outcome


def _unreadable(report: bytes) -> Unreadable:
    """Why there is no answer."""
    if report == _OUT_OF_CPU:
        return Unreadable("It takes too long to read.", reason="too_slow")
    # Its CPU time was not used up, so the machine had none for it.
    if report == reports.LATE:
        return Unreadable("There was no time to read it. Try it again.", reason="busy")
    if report in _NOTHING_OF_THE_DOCUMENT:
        return _interrupted()
    # A parser has crashed, which many do when they get no memory.
    return Unreadable("It is damaged, or takes too much memory to read.", reason="damaged")


def _interrupted() -> Unreadable:
    return Unreadable("It could not be read to its end. Try it again.", reason="interrupted")


_extraction = Extraction(Remote(Limits()))
os.register_at_fork(after_in_child=_extraction.remote.forget)
# This process's own.
extract = _extraction.extract
