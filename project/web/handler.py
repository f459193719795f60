"""Django's ASGI handler, with a shorter path for all requests but the admin's, and bodies that views read themselves.

Django makes a thread pool for every request and sends signals and `close` through it, for sync code that may hold
connections (ADR 4). Async views hold none (their services run in `views/http/threadpool.py`): for them that would be
half the cost of a request, and of no use.

Django also writes any upload to disk before a view may refuse it. Here a view reads the body once it knows the caller
(ADR 15). The admin's views expect a body that was read, as Django does it: theirs is small and read into memory.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port, validate_host
from django.http.response import HttpResponseBase

from conversations.errors import ParleyError
from conversations.views.bodies import budget
from conversations.views.bodies.incoming import ClientLeft, Message, Receive, RequestBody, Unreadable
from project.web.admin_share import AdminShare
from project.web.scoped_middleware import ADMIN_PREFIX

Send = Callable[[Message], Awaitable[None]]


class Request(ASGIRequest):
    """An API request has its body in `incoming`; only the admin's requests have Django's `body`."""

    incoming: RequestBody

    def get_host(self) -> str:
        """The Host header, if it is in ALLOWED_HOSTS. Raises DisallowedHost.

        It may contain an underscore, as names in container networks do; Django's own method refuses those.
        """
        given: str = self._get_raw_host()  # type: ignore[attr-defined] # unknown to the stubs
        domain, _port = split_domain_port(given.replace("_", "-"))
        if domain and validate_host(given.lower()[: len(domain)], settings.ALLOWED_HOSTS):
            return given
        raise DisallowedHost


class Handler(ASGIHandler):
    request_class = Request

    def __init__(self, *, admin: AdminShare | None = None) -> None:
        super().__init__()
        self._admin = admin or AdminShare()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if not scope.get("path", "/").startswith("/"):
            # The path of `OPTIONS *`. With a slash before it, it is answered as any other unknown route.
            scope = {**scope, "path": f"/{scope['path']}"}
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
        elif scope["path"].startswith(ADMIN_PREFIX):
            await self._serve_admin(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    async def run_get_response(self, request: HttpRequest) -> HttpResponseBase:
        respond = partial(super().run_get_response, request)
        return await (self._admin.answer(respond) if request.path.startswith(ADMIN_PREFIX) else respond())

    async def _serve_admin(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Its forms are read before anybody has signed in, so they count as bodies of unauthenticated callers."""
        incoming = RequestBody(scope["headers"], receive)
        if incoming.is_over.is_set():
            await super().__call__(scope, receive, send)
            return
        with budget.of_process().reserve(None) as reservation, suppress(ClientLeft):
            try:
                body = await incoming.read(most=settings.DATA_UPLOAD_MAX_MEMORY_SIZE, reservation=reservation)
            except ParleyError as exc:
                await self.send_response(_plain_text(exc), send)
                return
            await super().__call__(scope, _replayed(body, receive), send)

    async def _serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        request, refusal = self.create_request(scope, Unreadable())
        if refusal is not None:
            await self.send_response(refusal, send)
            return
        assert isinstance(request, Request)  # noqa: S101 — Django returns one or the other
        request.incoming = RequestBody(scope["headers"], receive)
        await self._answer_unless_disconnected(request, receive, send)

    async def _answer_unless_disconnected(self, request: Request, receive: Receive, send: Send) -> None:
        """A client that goes away cancels its view, and nothing else: a service that the view has called goes on."""
        answer = asyncio.create_task(self._answer(request, send))
        watch = asyncio.create_task(_cancel_on_disconnect(request.incoming, receive, answer))
        try:
            with suppress(asyncio.CancelledError):
                await answer
        finally:
            watch.cancel()
            # Also when the web server cancels the request.
            answer.cancel()

    async def _answer(self, request: Request, send: Send) -> None:
        response = await self.run_get_response(request)
        try:
            await self.send_response(response, _ending_body(request.incoming, send))
        finally:
            response.close()


def _plain_text(error: ParleyError) -> HttpResponse:
    response = HttpResponse(error.message, status=error.status, content_type="text/plain")
    if error.retry_after is not None:
        response["Retry-After"] = str(math.ceil(error.retry_after))
    return response


def _replayed(body: bytearray, receive: Receive) -> Receive:
    """Gives the body that was read as the one message that a web server would send for it."""
    messages: list[Message] = [{"type": "http.request", "body": body}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message


def _ending_body(body: RequestBody, send: Send) -> Send:
    """`send`, which marks the body as over with its first message: after that, nothing more of it is read."""
    if body.is_over.is_set():
        return send

    async def send_first(message: Message) -> None:
        await send(message)
        # Not before the message: the server would answer `Expect: 100-continue`, and the client would send the body.
        body.is_over.set()

    return send_first


async def _cancel_on_disconnect(body: RequestBody, receive: Receive, answer: "asyncio.Task[None]") -> None:
    """Starts once the body is over: until then its reader sees the disconnect."""
    await body.is_over.wait()
    while (await receive())["type"] != "http.disconnect":
        pass
    answer.cancel()
