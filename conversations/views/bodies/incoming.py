"""The body of a request: nothing is read before a view asks for it, and what is read is bounded."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from io import BytesIO
from typing import Any, NoReturn, cast

from django.http import HttpRequest

from conversations import errors
from conversations.views.bodies.budget import Reservation

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class ClientLeft(asyncio.CancelledError):
    """The client closed the connection while its body was read. The view ends as if cancelled: nobody waits for it."""


class RequestBody:
    """`is_over` is set once nothing more of the body will be read.

    Until then this is the only reader of `receive`. Afterwards the handler may read there, to see the client leave.
    """

    def __init__(self, headers: Iterable[tuple[bytes, bytes]], receive: Receive) -> None:
        self._receive = receive
        self._declared = _declared(headers)
        self._received = 0
        self.is_over = asyncio.Event()
        if self._declared == 0:
            self.is_over.set()

    @property
    def undeclared_bytes(self) -> int:
        """How much has come of a body that had declared no length."""
        return self._received if self._declared is None else 0

    async def read(self, *, most: int, reservation: Reservation) -> bytearray:
        """The whole body, of at most `most` bytes, all of them reserved.

        A declared length is checked and reserved before anything is read, a body in chunks with each chunk. Raises
        BodyTooLarge, what `reservation` raises, or ClientLeft.
        """
        self._check(self._declared or 0, most, reservation)
        body = bytearray()
        while not self.is_over.is_set():
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            body += message.get("body", b"")
            self._received = len(body)
            self._check(len(body), most, reservation)
            if not message.get("more_body", False):
                self.is_over.set()
        return body

    def _check(self, size: int, most: int, reservation: Reservation) -> None:
        if size > most:
            raise errors.BodyTooLarge
        reservation.grow_to(size)


def _declared(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """The length of the body in bytes; None when it comes in chunks. A request that declares neither has no body."""
    found = {name: value for name, value in headers if name in (b"content-length", b"transfer-encoding")}
    if b"transfer-encoding" in found:
        return None
    # The web server has already refused a value that is no number.
    return int(found.get(b"content-length", b"0"))


def of(request: HttpRequest) -> RequestBody:
    """The body that the ASGI handler has attached to the request (`project/web/handler.py`)."""
    return cast("RequestBody", request.incoming)  # type: ignore[attr-defined] # our own request's


class Unreadable(BytesIO):
    """Takes the place of the body that Django expects to have been read; ours has not been."""

    def read(self, *_args: object) -> NoReturn:
        raise RuntimeError("Bodies are read by views/bodies/incoming.py, once their sender is known.")

    readline = read
