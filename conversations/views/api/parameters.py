"""What `/api/v1` reads from a query string, and the link to the next page."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest

from conversations import errors
from conversations.dialects.aichat import errors as words
from conversations.views.http.base import BaseView, ErrorRenderer

PAGE_DEFAULT, PAGE_MAX = 20, 100


class ApiView(BaseView):
    error_renderer: ClassVar[ErrorRenderer] = words


def limit(request: HttpRequest) -> int:
    """How many a page holds."""
    return whole_number(request, "limit", default=PAGE_DEFAULT, least=1, most=PAGE_MAX)


def choice(request: HttpRequest, name: str, known: Collection[str]) -> str | None:
    given = request.GET.get(name)
    if given is not None and given not in known:
        raise errors.InvalidRequest(f"{name} must be one of {', '.join(known)}", param=name)
    return given


def moment(request: HttpRequest, name: str) -> datetime | None:
    """ISO 8601; without an offset it is UTC."""
    given = request.GET.get(name)
    if given is None:
        return None
    try:
        # A "+" that nobody encoded arrives as a space.
        at = datetime.fromisoformat(given.replace(" ", "+", 1) if given.count(" ") == 1 and "T" in given else given)
    except ValueError as exc:
        raise errors.InvalidRequest(f"{name} must be a time in ISO 8601", param=name) from exc
    try:
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except OverflowError as exc:
        raise errors.InvalidRequest(f"{name} must be a time in ISO 8601", param=name) from exc


def whole_number(request: HttpRequest, name: str, *, default: int, least: int, most: int) -> int:
    given = request.GET.get(name)
    return default if given is None else number(given, name, least=least, most=most)


def number(text: str, name: str, *, least: int, most: int) -> int:
    if text.isascii() and text.isdigit() and least <= int(text[:12]) <= most:
        return int(text)
    raise errors.InvalidRequest(f"{name} must be a whole number from {least} to {most}", param=name)


def next_url(request: HttpRequest, **after: str) -> str:
    """Of PUBLIC_URL; without one, of the Host that the request came to, and never of X-Forwarded-Host."""
    query: dict[str, Any] = {**request.GET.dict(), **after}
    path = f"{request.path}?{urlencode(query)}"
    return f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else request.build_absolute_uri(path)
