"""What every route of the Yuju family shares: the key in the query, and the envelope (docs/contract D.1, D.7)."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from conversations.dialects.dialect import ErrorRenderer
from conversations.dialects.yuju import envelope, errors
from conversations.rules import key_rights
from conversations.views.http import authentication
from conversations.views.http.base import BaseView, json_response

API_KEY = "apiKey"


class YujuView(BaseView):
    error_renderer: ClassVar[ErrorRenderer] = errors
    scope: ClassVar[str] = key_rights.YUJU
    security_schemes: ClassVar[tuple[str, ...]] = (API_KEY, "key")

    def api_key(self, request: HttpRequest) -> str | None:
        """In the query, as documented; a Bearer header is taken as well, because it is in no log."""
        given = [one.strip() for one in request.GET.getlist(API_KEY) if one.strip()]
        tokens = authentication.access_tokens(request) if self.client_scope else []
        return authentication.the_one(request, [*given, *tokens])


def succeed(data: Any) -> HttpResponse:
    return json_response(envelope.success(data))
