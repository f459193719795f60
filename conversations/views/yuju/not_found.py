"""Every other path under `/v1/openapi`, whatever the method: 404 in the envelope."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations.errors import NoSuchRoute
from conversations.views.yuju.base import YujuView


class NotFoundView(YujuView):
    # Left out of the OpenAPI document.
    schema = None

    async def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self.refuse(NoSuchRoute())
