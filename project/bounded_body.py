"""Django's ASGI handler with a bound on request bodies: it would write any upload to disk before a view may refuse."""

import tempfile
from collections.abc import Awaitable, Callable, Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler

# Small bodies stay in memory, larger ones go to a temporary file, as in Django.
MEMORY_BYTES = 2_621_440


class BoundedBodyHandler(ASGIHandler):
    async def read_body(self, receive: Callable[[], Awaitable[Mapping[str, Any]]]) -> IO[bytes]:
        """The body, cut one byte past the limit: enough for a view to see that it is too large.

        What follows is read and dropped, so that the client gets its answer instead of a broken connection.
        """
        body = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES, mode="w+b")  # noqa: SIM115 — the handler closes it
        room = settings.MAX_BODY_BYTES + 1
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                body.close()
                raise RequestAborted
            chunk = message.get("body", b"")[:room]
            room -= len(chunk)
            if chunk:
                body.write(chunk)
            if not message.get("more_body", False):
                body.seek(0)
                return body
