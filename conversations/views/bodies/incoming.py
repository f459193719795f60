"""A request's body on its way in: nothing is read before a view asks for it, and what is read is bounded."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from io import BytesIO
from typing import Any, NoReturn, cast

from django.http import HttpRequest

from conversations import errors
from conversations.views.bodies.budget import Share

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class ClientLeft(asyncio.CancelledError):
    """In the middle of its body. The view ends as if it had been cancelled: nobody is there to be answered."""


class RequestBody:
    """`is_over` is set once nothing more of the body will be asked for.

    While it is not, this is the only reader of `receive`; afterwards somebody else may watch there for the client to
    leave.
    """

    def __init__(self, headers: Iterable[tuple[bytes, bytes]], receive: Receive) -> None:
        self._receive = receive
        self._declared = _declared(headers)
        self._received = 0
        self.is_over = asyncio.Event()
        if self._declared == 0:
            self.is_over.set()

    @property
    def unannounced_bytes(self) -> int:
        """What came so far of a body that had not said its length before."""
        return self._received if self._declared is None else 0

    async def read(self, *, most: int, share: Share) -> bytearray:
        """All of it: at most `most` bytes, which `share` has room for.

        A length that was declared is judged before anything is read, and the room for it taken at once; a body in
        chunks is judged with each of them. Raises BodyTooLarge, what `share` raises, or ClientLeft.
        """
        self._check(self._declared or 0, most, share)
        body = bytearray()
        while not self.is_over.is_set():
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            body += message.get("body", b"")
            self._received = len(body)
            self._check(len(body), most, share)
            if not message.get("more_body", False):
                self.is_over.set()
        return body

    def _check(self, size: int, most: int, share: Share) -> None:
        if size > most:
            raise errors.BodyTooLarge
        share.grow_to(size)


def _declared(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """The length of the body; None when it comes in chunks. A request that says neither has none."""
    found = {name: value for name, value in headers if name in (b"content-length", b"transfer-encoding")}
    if b"transfer-encoding" in found:
        return None
    # The server has refused what is no number.
    return int(found.get(b"content-length", b"0"))


def of(request: HttpRequest) -> RequestBody:
    """What the ASGI handler has put at the request (`project/web/handler.py`)."""
    return cast("RequestBody", request.incoming)  # type: ignore[attr-defined] # our own request's


class Unreadable(BytesIO):
    """Stands where Django keeps a body that it has read: ours are not read yet."""

    def read(self, *_args: object) -> NoReturn:
        raise RuntimeError("Bodies are read by views/bodies/incoming.py, once their sender is known.")

    readline = read
