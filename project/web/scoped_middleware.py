"""Sends the admin's requests through Django's browser middleware and everything else straight to its view."""

from collections.abc import Awaitable, Callable

from asgiref.sync import markcoroutinefunction
from django.conf import settings
from django.core.exceptions import BadRequest
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase
from django.utils.module_loading import import_string

from conversations.admin.site import error_page
from conversations.views.http.base import NUL_IN_QUERY, query_has_nul

ADMIN_PREFIX = "/admin"
AsyncHandler = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class AdminOnly:
    """Itself async: with sync middleware around them, API requests would each take several thread hops."""

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
        if query_has_nul(request):
            # Django passes the filters of a list to the database unchecked. Its forms check their own fields.
            raise BadRequest(NUL_IN_QUERY)
        try:
            return await self.admin_chain(request)
        except DatabaseError as exc:
            # The middleware itself reads the session from the database.
            if refusal := error_page.for_error(request, exc):
                return refusal
            raise

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """For the admin's views; those of the API render their own errors."""
        is_admin = request.path_info.startswith(ADMIN_PREFIX)
        return error_page.for_error(request, exception) if is_admin else None
