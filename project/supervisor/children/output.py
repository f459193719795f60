"""Everything the service prints, by one writer: whole lines, each with the name of the process that wrote it."""

import os
import select
from collections import deque

# A reader that stalls (a paused terminal, a full pipe) must not stall the service: beyond this, lines are dropped.
MAX_WAITING_BYTES = 4_000_000
MAX_LINE_BYTES = 64_000
# A pipe that is ready takes this much without blocking.
_PIECE_BYTES = 4096
_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95)


class Output:
    """Lines wait in memory until `flush` finds `fd` ready. `fd` stays blocking, because it may be a shared terminal."""

    def __init__(self, *, fd: int, width: int) -> None:
        self._fd = fd
        self._width = width
        self._is_coloured = os.isatty(fd)
        self._colours: dict[str, int] = {}
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._dropped = 0
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)

    @property
    def is_waiting(self) -> bool:
        return bool(self._waiting)

    def line(self, name: str, text: bytes) -> None:
        """Write one line of the process `name`."""
        prefix = f"{name.ljust(self._width)}| "
        if self._is_coloured:
            colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
            prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
        self._put(prefix.encode() + text + b"\n")

    def block(self, text: str) -> None:
        """Write lines without a prefix, so that they can be pasted."""
        self._put(text.encode() + b"\n")

    def flush(self, *, timeout: float = 0.0) -> None:
        """Write what can be written without waiting for longer than `timeout` at a time."""
        while self._waiting and self._poll.poll(timeout * 1000):
            piece = self._waiting.popleft()
            try:
                written = os.write(self._fd, piece[:_PIECE_BYTES])
            except OSError:
                # Nobody reads any more. The service continues without output.
                self._waiting.clear()
                self._waiting_bytes = 0
                return
            self._waiting_bytes -= written
            if written < len(piece):
                self._waiting.appendleft(piece[written:])

    def _put(self, data: bytes) -> None:
        if self._waiting_bytes > MAX_WAITING_BYTES:
            self._dropped += 1
            return
        if self._dropped:
            data = f"... {self._dropped} lines dropped: nobody was reading\n".encode() + data
            self._dropped = 0
        self._waiting.append(data)
        self._waiting_bytes += len(data)


class LineReader:
    """Reads a child's pipe as lines."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._rest = b""
        os.set_blocking(fd, False)

    def read(self) -> list[bytes] | None:
        """The lines received; None once the pipe is closed and everything was returned."""
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return []
        if not data:
            rest, self._rest = self._rest, b""
            return [rest] if rest else None
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        return [line.rstrip(b"\r") for line in lines]
