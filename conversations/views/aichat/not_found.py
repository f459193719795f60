"""Every path that no route knows: a 404 in the error form of `/aichat` and our own API."""

from typing import Any, ClassVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations.dialects.aichat import errors
from conversations.dialects.dialect import ErrorRenderer
from conversations.errors import NoSuchRoute
from conversations.views.http.base import BaseView


class NotFoundView(BaseView):
    error_renderer: ClassVar[ErrorRenderer] = errors
    # Left out of the OpenAPI document.
    schema = None

    async def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self.refuse(NoSuchRoute())
