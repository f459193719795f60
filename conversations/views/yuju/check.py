"""`GET /v1/openapi/check` (docs/contract D.8): whether the key is good."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations.views.yuju.base import YujuView, succeed


class CheckView(YujuView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        await self.admit(request)
        return succeed(None)
