"""Django's ASGI handler, with bounded bodies, and a straight way for everything but the admin.

Django makes every request a thread pool of its own and sends signals and `close` through it, for sync code that may
hold connections. Async views hold none (their services run in `views/blocking.py`), so for them that is half the cost
of a request and serves nobody.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import DisallowedHost, RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host

from project.scoped_middleware import ADMIN_PREFIX

# Small bodies stay in memory, larger ones go to a temporary file, as in Django.
MEMORY_BYTES = 2_621_440

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Request(ASGIRequest):
    def get_host(self) -> str:
        """The Host header, if it is in ALLOWED_HOSTS. Raises DisallowedHost.

        Also a name with an underscore, as container networks give them; Django's own refuses those.
        """
        given: str = self._get_raw_host()  # type: ignore[attr-defined] # unknown to the stubs
        domain, _port = split_domain_port(given.replace("_", "-"))
        if domain and validate_host(given.lower()[: len(domain)], settings.ALLOWED_HOSTS):
            return given
        raise DisallowedHost


class Handler(ASGIHandler):
    request_class = Request

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if not scope.get("path", "/").startswith("/"):
            # `OPTIONS *`: no route is named like this, and Django has no words of ours for it.
            scope = {**scope, "path": f"/{scope['path']}"}
        if scope["type"] != "http" or scope["path"].startswith(ADMIN_PREFIX):
            await super().__call__(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with body:
            request, refusal = self.create_request(scope, body)
            if request is None:
                assert refusal is not None  # noqa: S101 — Django returns one or the other
                await self.send_response(refusal, send)
                return
            await self._answer_unless_left(request, receive, send)

    async def _answer_unless_left(self, request: HttpRequest, receive: Receive, send: Send) -> None:
        """A client that leaves cancels its view, and nothing else: what the view began in a service goes on."""
        answer = asyncio.create_task(self._answer(request, send))
        watch = asyncio.create_task(_cancel_on_disconnect(receive, answer))
        try:
            with suppress(asyncio.CancelledError):
                await answer
        finally:
            watch.cancel()
            # When the server itself gives up on the request, the view is told too.
            answer.cancel()

    async def _answer(self, request: HttpRequest, send: Send) -> None:
        response = await self.run_get_response(request)
        try:
            await self.send_response(response, send)
        finally:
            response.close()

    async def read_body(self, receive: Receive) -> IO[bytes]:
        """The body, cut one byte past the limit: enough for a view to see that it is too large.

        Django would write any upload to disk before a view may refuse it. What follows is read and dropped, so that
        the client gets its answer instead of a broken connection.
        """
        body = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES, mode="w+b")  # noqa: SIM115 — callers close it
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


async def _cancel_on_disconnect(receive: Receive, answer: "asyncio.Task[None]") -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    answer.cancel()
