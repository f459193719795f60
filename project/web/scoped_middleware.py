"""Sends the admin's requests through Django's browser middleware and everything else straight to its view."""

from collections.abc import Awaitable, Callable

from asgiref.sync import markcoroutinefunction
from django.conf import settings
from django.core.exceptions import BadRequest
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase
from django.utils.module_loading import import_string

from conversations.admin.site import error_page

ADMIN_PREFIX = "/admin"
AsyncHandler = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class AdminOnly:
    """Async-native: sync middleware around every API request would cost each one several thread hops."""

    sync_capable = False
    async_capable = True

    def __init__(self, get_response: AsyncHandler) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)
        handler = get_response
        for path in reversed(settings.ADMIN_MIDDLEWARE):
            handler = import_string(path)(handler)
        self.admin_chain = handler

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(ADMIN_PREFIX):
            return await self.get_response(request)
        if "%00" in request.META["QUERY_STRING"]:
            # A list's filters go to the database as they are. Forms and the API (views/http/base.py) look themselves.
            raise BadRequest("The query contains a NUL character.")
        try:
            return await self.admin_chain(request)
        except DatabaseError as exc:
            # Of the middleware itself, which reads the session.
            if refusal := error_page.for_error(request, exc):
                return refusal
            raise

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Of the admin's views; those of the API answer for themselves."""
        is_admin = request.path_info.startswith(ADMIN_PREFIX)
        return error_page.for_error(request, exception) if is_admin else None
