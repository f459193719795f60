"""Signals as a descriptor that a loop can wait for."""

import contextlib
import os
import signal
import time
from types import FrameType

# One Ctrl-C may arrive twice: from the terminal, and forwarded by make or a container's init.
SAME_REQUEST_SECONDS = 0.2
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    """Counts the requests to stop. Each makes `fd` readable, and so does the end of a child."""

    def __init__(self) -> None:
        self.requests = 0
        self._last_request_at = float("-inf")
        self.fd, self._write_fd = os.pipe()
        for fd in (self.fd, self._write_fd):
            os.set_blocking(fd, False)

    def install(self) -> None:
        """Install the handlers, for the rest of this process."""
        signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        # Python only writes to the descriptor for signals that have a handler, even an empty one.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in STOP_SIGNALS:
            signal.signal(number, self._request_stop)

    def close(self) -> None:
        os.close(self.fd)
        os.close(self._write_fd)

    def drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self.fd, 4096):
                pass

    def _request_stop(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._last_request_at > SAME_REQUEST_SECONDS:
            self.requests += 1
        self._last_request_at = now
