"""What one reader has been told and has not taken yet. It stays small, however slow the reader is."""

import asyncio
from collections import deque

# A reader of a fast model takes some 5 kB a second; one that is a minute behind is as well served by the log.
MAX_WAITING_BYTES = 256 * 1024
# What a message takes besides its bytes.
MESSAGE_BYTES = 64


class Waiting:
    """Messages for one reader, in order. `None` means: something may be missing, look at the log.

    When there are too many all of them are dropped for one `None`: the log has them. Belongs to one event loop.
    """

    def __init__(self, *, most: int = MAX_WAITING_BYTES) -> None:
        self._most = most
        self._messages: deque[bytes | None] = deque()
        self._size = 0
        self._has_news = asyncio.Event()

    def put(self, message: bytes | None) -> None:
        size = _size(message)
        if self._size + size > self._most:
            self._messages.clear()
            self._size = 0
            message, size = None, _size(None)
        self._messages.append(message)
        self._size += size
        self._has_news.set()

    async def take(self) -> bytes | None:
        """The next message, once there is one."""
        await self._has_news.wait()
        message = self._messages.popleft()
        self._size -= _size(message)
        if not self._messages:
            self._has_news.clear()
        return message


def _size(message: bytes | None) -> int:
    return MESSAGE_BYTES + len(message or b"")
