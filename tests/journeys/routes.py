"""Every route of the service, as the resolver knows them."""

import re
from collections.abc import Iterable, Iterator

from django.urls import URLPattern, URLResolver

from conversations.views.http.base import BaseView

METHODS = ("get", "post", "patch", "put", "delete")

Route = tuple[str, type[BaseView] | None]


def routes(patterns: Iterable[URLPattern | URLResolver], prefix: str = "") -> Iterator[Route]:
    """Every path but the admin's and those that are not found, each part that varies as x; and its view's class."""
    for one in patterns:
        path = prefix + plain(str(one.pattern))
        if isinstance(one, URLResolver):
            if one.app_name != "admin":
                yield from routes(one.url_patterns, path)
            continue
        view = getattr(one.callback, "view_class", None) or getattr(one.callback, "cls", None)
        is_found = view is None or view.__name__ != "NotFoundView"
        if is_found:
            yield path, view if view is not None and issubclass(view, BaseView) else None


def plain(pattern: str) -> str:
    text = pattern.removeprefix("^").removesuffix("$").removesuffix("/?")
    text = re.sub(r"\(\?P<\w+>[^)]*\)", "x", text)
    return "/".join("x" if part.startswith("<") else part for part in text.split("/"))
