"""The messages that wait for one reader. They stay small, however slow the reader is."""

import asyncio
from collections import deque

# A fast model sends some 5 kB a second. A reader that is a minute behind can as well read the log.
MAX_WAITING_BYTES = 256 * 1024
# What a message takes in memory besides its bytes.
MESSAGE_BYTES = 64


class Inbox:
    """Messages for one reader, in order. `None` means: events may be missing, read the log.

    When there are too many, one `None` replaces them all: the log has their events. Belongs to one event loop.
    """

    def __init__(self, *, most: int = MAX_WAITING_BYTES) -> None:
        self._most = most
        self._messages: deque[bytes | None] = deque()
        self._size = 0
        self._has_messages = asyncio.Event()

    def put(self, message: bytes | None) -> None:
        size = _size(message)
        if self._size + size > self._most:
            self._messages.clear()
            self._size = 0
            message, size = None, _size(None)
        self._messages.append(message)
        self._size += size
        self._has_messages.set()

    async def take(self) -> bytes | None:
        """The next message, once there is one."""
        await self._has_messages.wait()
        message = self._messages.popleft()
        self._size -= _size(message)
        if not self._messages:
            self._has_messages.clear()
        return message


def _size(message: bytes | None) -> int:
    return MESSAGE_BYTES + len(message or b"")
