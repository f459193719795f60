"""Every other path under `/v1`, `/openai` and `/mj`, whatever the method: 404, never 200 (docs/contract C.7)."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations.errors import NoSuchRoute
from conversations.views.openai.base import OpenAIView


class NotFoundView(OpenAIView):
    # Left out of the OpenAPI document.
    schema = None

    async def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self.refuse(NoSuchRoute(f"Invalid URL ({request.method} {request.path})"))
