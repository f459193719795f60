"""What one document may use. The kernel holds it, so it holds for code in C too."""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from conversations.extraction.extracted import MAX_ANSWER_BYTES
from conversations.extraction.process import isolation


@dataclass(frozen=True, slots=True)
class Limits:
    """Memory is on top of the parsers': HTML of 20 MB needs 100 MB, a part of a DOCX of 12 MB 400.

    `wall_seconds` are for a machine that is busy with other things: the server ends the child then.
    """

    memory_bytes: int = 512 * 1024 * 1024
    cpu_seconds: int = 30
    wall_seconds: float = 60.0


# Documents wait for turns, not turns for documents.
_NICE = 10
_OOM_SCORE = "800"
_PR_SET_PDEATHSIG = 1
# Loaded before any fork.
_LIBC = ctypes.CDLL(None, use_errno=True)


def die_with(parent: int) -> None:
    """Have the kernel end this process when its parent ends; end it now when that has happened. Raises OSError."""
    if sys.platform == "linux" and _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        os._exit(1)


def apply(limits: Limits) -> None:
    """Limit this process, which is to read one document. Raises OSError."""
    if sys.platform == "linux":
        _limit_memory(limits.memory_bytes)
        # When the whole machine runs short, this process is the one to end.
        with contextlib.suppress(OSError):  # read-only in some containers
            Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
        isolation.isolate()
    os.nice(_NICE)
    # At the first SIGXCPU comes, at the second SIGKILL, which would not say why.
    _lower(resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1)
    _lower(resource.RLIMIT_FSIZE, MAX_ANSWER_BYTES, MAX_ANSWER_BYTES)
    _lower(resource.RLIMIT_CORE, 0, 0)
    # No file and no socket can be opened from here on, by whatever takes over a parser.
    _lower(resource.RLIMIT_NOFILE, 0, 0)


def lift_memory() -> None:
    """For the answer, which is bounded: a process without memory can still say so."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _lower(limit: int, soft: int, hard: int) -> None:
    """Unless the machine allows less than this already."""
    _, allowed = resource.getrlimit(limit)
    unlimited = resource.RLIM_INFINITY
    most = hard if allowed == unlimited else min(hard, allowed)
    resource.setrlimit(limit, (soft if most == unlimited else min(soft, most), most))


def _limit_memory(more_bytes: int) -> None:
    """On top of what the server has. Address space that is only reserved does not count, nor do shared libraries."""
    # In pages: size, resident, shared, text, library, data, dirty.
    data_pages = int(Path("/proc/self/statm").read_text().split()[5])
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    _lower(resource.RLIMIT_DATA, data_pages * resource.getpagesize() + more_bytes, hard)
