"""Django's ASGI handler, with a straight way for everything but the admin, and bodies that wait to be asked for.

Django makes every request a thread pool of its own and sends signals and `close` through it, for sync code that may
hold connections. Async views hold none (their services run in `views/http/threadpool.py`), so for them that is half the
cost of a request and serves nobody.

It also writes any upload to disk before a view may refuse it. Here a view asks for the body once it knows its sender
(ADR 15); the admin's, whose views find it read as Django has it, is read into memory and small.
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
    """`incoming` is the body of an API request; only the admin's requests have their `body`, as Django knows it."""

    incoming: RequestBody

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

    def __init__(self, *, admin: AdminShare | None = None) -> None:
        super().__init__()
        self._admin = admin or AdminShare()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if not scope.get("path", "/").startswith("/"):
            # `OPTIONS *`: no route is named like this, and Django has no words of ours for it.
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
        """Its forms are read before anybody has signed in, so they share what is kept for strangers."""
        incoming = RequestBody(scope["headers"], receive)
        if incoming.is_over.is_set():
            await super().__call__(scope, receive, send)
            return
        with budget.of_process().reserve(None) as reservation, suppress(ClientLeft):
            try:
                body = await incoming.read(most=settings.DATA_UPLOAD_MAX_MEMORY_SIZE, reservation=reservation)
            except ParleyError as exc:
                await self.send_response(_in_plain_words(exc), send)
                return
            await super().__call__(scope, _told_again(body, receive), send)

    async def _serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        request, refusal = self.create_request(scope, Unreadable())
        if refusal is not None:
            await self.send_response(refusal, send)
            return
        assert isinstance(request, Request)  # noqa: S101 — Django returns one or the other
        request.incoming = RequestBody(scope["headers"], receive)
        await self._answer_unless_left(request, receive, send)

    async def _answer_unless_left(self, request: Request, receive: Receive, send: Send) -> None:
        """A client that leaves cancels its view, and nothing else: what the view began in a service goes on."""
        answer = asyncio.create_task(self._answer(request, send))
        watch = asyncio.create_task(_cancel_on_disconnect(request.incoming, receive, answer))
        try:
            with suppress(asyncio.CancelledError):
                await answer
        finally:
            watch.cancel()
            # When the server itself gives up on the request, the view is told too.
            answer.cancel()

    async def _answer(self, request: Request, send: Send) -> None:
        response = await self.run_get_response(request)
        try:
            await self.send_response(response, _giving_up(request.incoming, send))
        finally:
            response.close()


def _in_plain_words(error: ParleyError) -> HttpResponse:
    response = HttpResponse(error.message, status=error.status, content_type="text/plain")
    if error.retry_after is not None:
        response["Retry-After"] = str(math.ceil(error.retry_after))
    return response


def _told_again(body: bytearray, receive: Receive) -> Receive:
    """What a server says of a request whose body has come."""
    messages: list[Message] = [{"type": "http.request", "body": body}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message


def _giving_up(body: RequestBody, send: Send) -> Send:
    """`send`, after whose first message nothing more of the body is asked for."""
    if body.is_over.is_set():
        return send

    async def send_first(message: Message) -> None:
        await send(message)
        # Not before: the server would answer `Expect: 100-continue`, and be sent what nobody wants.
        body.is_over.set()

    return send_first


async def _cancel_on_disconnect(body: RequestBody, receive: Receive, answer: "asyncio.Task[None]") -> None:
    """Who still reads the body hears of it himself."""
    await body.is_over.wait()
    while (await receive())["type"] != "http.disconnect":
        pass
    answer.cancel()
