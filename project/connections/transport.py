"""The transport and flow control given to uvicorn.

Closing the real transport at once would cut off an answer that the client has not read yet.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl


class ClosingTransport(asyncio.Transport):
    """The connection's transport. `close` is left to the protocol, and nothing is written after it."""

    def __init__(self, transport: asyncio.Transport, *, close: Callable[[], None]) -> None:
        super().__init__()
        self._transport = transport
        self._close = close
        self._is_closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._is_closing:
            self._transport.write(data)

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._close()

    def is_closing(self) -> bool:
        return self._is_closing or self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)


class PipelineFlow(FlowControl):
    """uvicorn's flow control, which here resumes reading only while `is_blocked` is false.

    uvicorn itself resumes reading whenever a view waits for a body. A client that pipelines request after request would
    fill its queue.
    """

    def __init__(self, transport: asyncio.Transport, *, is_blocked: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._is_blocked = is_blocked

    def resume_reading(self) -> None:
        if not self._is_blocked():
            super().resume_reading()
