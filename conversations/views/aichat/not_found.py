"""Every other path under `/aichat`: the family's own 404."""

from typing import Any, ClassVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations.dialects.aichat import errors as words
from conversations.errors import NoSuchRoute
from conversations.views.http.base import BaseView, ErrorRenderer


class UnknownView(BaseView):
    error_renderer: ClassVar[ErrorRenderer] = words
    # No route of the OpenAPI document.
    schema = None

    async def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self.refuse(NoSuchRoute())
