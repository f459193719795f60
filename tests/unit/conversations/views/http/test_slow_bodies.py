"""Whoever sends a body slowly may have lost the key by its end: each view that reads one looks again."""

import inspect

from django.urls import get_resolver

from conversations.views.api.accounts.keys import KeyView
from conversations.views.http.base import BaseView
from tests.journeys.routes import METHODS, routes

READS = ("request_body.read", "uploads.read(", ".read(most=")


def reading() -> list[tuple[type[BaseView], str, str]]:
    """The handlers that read a body: their view, their method and how they are written."""
    views = {view for _, view in routes(get_resolver().url_patterns) if view}
    handlers = [(view, name, getattr(view, name, None)) for view in views for name in METHODS]
    sources = [(view, name, inspect.getsource(handler)) for view, name, handler in handlers if handler]
    return [(view, name, source) for view, name, source in sources if any(call in source for call in READS)]


def test_every_view_looks_at_the_key_again_once_it_has_read_a_body() -> None:
    found = reading()

    assert len(found) > 30
    # Keys are made with a lock on the account, under which the one that makes them is looked at.
    others = [(view, name, source) for view, name, source in found if not issubclass(view, KeyView)]
    assert [
        f"{view.__name__}.{name}" for view, name, source in others if "self.admit_again(request)" not in source
    ] == []
