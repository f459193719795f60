"""The child that reads one document and ends."""

import os
import signal

from conversations.extraction import extracted
from conversations.extraction.errors import Unreadable
from conversations.extraction.extracted import Extracted
from conversations.extraction.formats.read import read
from conversations.extraction.process import files, reports
from conversations.extraction.process import limits as limiting
from conversations.extraction.process.limits import Limits


def run(limits: Limits, *, question_fd: int, answer_fd: int, parent: int) -> None:
    """Never returns. How it ends says whether there is an answer."""
    code = reports.NO_ANSWER
    try:
        limiting.die_with(parent)
        _keep_only(question_fd, answer_fd)
        limiting.apply(limits)
        data, declared = files.read_question(question_fd)
        outcome = _outcome(data, **declared)
        limiting.lift_memory()
        files.write(answer_fd, extracted.write(outcome))
        code = reports.ANSWERED
    finally:
        os._exit(code)


def _outcome(data: bytes, *, media_type: str, name: str) -> Extracted | Unreadable:
    try:
        return read(data, media_type=media_type, name=name)
    except Unreadable as exc:
        return exc
    except MemoryError:
        pass  # what the parser held is only free after this block
    # Whatever a parser raises on a document that no one has foreseen.
    except Exception:  # noqa: BLE001
        return Unreadable("It is damaged.", reason="damaged")
    return Unreadable("It takes too much memory to read.", reason="too_large")


def _keep_only(*fds: int) -> None:
    """Close the server's sockets, and silence parsers: what they print quotes the document."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    first = 3
    for fd in (*sorted(fds), os.sysconf("SC_OPEN_MAX")):
        os.closerange(first, fd)
        first = fd + 1
