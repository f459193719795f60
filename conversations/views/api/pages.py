"""Pages of `/api/v1`: the parameter `limit`, and the link to the next page."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework import serializers

from conversations.queries.keyset import Page
from conversations.views.bodies.fields import TextField
from conversations.views.bodies.parameters import WholeNumberField
from conversations.views.http.authentication import ACCESS_TOKEN
from conversations.views.http.base import json_response

LIMIT_DEFAULT, LIMIT_MAX = 20, 100


class PageParameters(serializers.Serializer[Any]):
    limit = WholeNumberField(least=1, most=LIMIT_MAX, default=LIMIT_DEFAULT)


class CursorParameters(PageParameters):
    cursor = TextField(required=False, help_text="Where the page before ended: part of its `next`.")


def page_response(
    request: HttpRequest, page: Page[Any], *, serializer: serializers.Serializer[Any], cursor: str = "cursor"
) -> HttpResponse:
    """The page and the link to the next, in which the parameter `cursor` says where it begins."""
    following = _following(request, page, cursor=cursor)
    return json_response(serializer.to_representation({"results": page.rows, "next": following}))


def written_page_response(request: HttpRequest, page: Page[Any], *, cursor: str = "cursor") -> HttpResponse:
    """As `page_response`, of rows that are JSON already."""
    return json_response({"results": page.rows, "next": _following(request, page, cursor=cursor)})


def _following(request: HttpRequest, page: Page[Any], *, cursor: str) -> str | None:
    return _url(request, {cursor: page.next_cursor}) if page.next_cursor else None


def _url(request: HttpRequest, changed: dict[str, str]) -> str:
    """Under PUBLIC_URL; without one under the Host that the request came to, never under X-Forwarded-Host.

    Without a client token: links are kept and shown.
    """
    query = {**request.GET.dict(), **changed}
    query.pop(ACCESS_TOKEN, None)
    path = f"{request.path}?{urlencode(query)}"
    return f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else request.build_absolute_uri(path)
