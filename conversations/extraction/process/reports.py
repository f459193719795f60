"""How a child ended, in a pipe between the server and the asker: its exit code, or one of these words."""

import contextlib
import os

# Exit codes of the child.
ANSWERED = 0
# It could not be limited, or the answer not be written.
NO_ANSWER = 1
# It had its time.
LATE = b"late"
# The system allows no more processes.
NOT_STARTED = b"none"
# Nobody waits for it any more. This one the asker says to himself.
NOT_WANTED = b"unwanted"
MAX_BYTES = 16


def write(fd: int, report: bytes) -> None:
    """Once; closes the pipe."""
    with contextlib.suppress(BrokenPipeError):  # the asker is gone
        os.write(fd, report)
    os.close(fd)


def ended_with(code: int) -> bytes:
    """As `os.waitstatus_to_exitcode` says it: negative for a signal."""
    return str(code).encode()
