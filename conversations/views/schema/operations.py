"""Describes the operations of a view from outside it, so that the service never loads the library of the document."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.extensions import OpenApiViewExtension
from drf_spectacular.utils import OpenApiExample, extend_schema_view
from rest_framework.views import APIView

from conversations.views.schema.components import Json
from conversations.views.schema.responses import JSON


def describe_view(view: type[APIView], **operations: Callable[[Any], Any]) -> None:
    """`operations` are `extend_schema(…)` by method, as drf-spectacular's `extend_schema_view` takes them.

    A view extension registers itself when its class is made.
    """

    class Description(OpenApiViewExtension):
        target_class = view

        def view_replacement(self) -> type[APIView]:
            return extend_schema_view(**operations)(type(view.__name__, (view,), {}))


def body_example(name: str, value: Json) -> OpenApiExample:
    """A body that can be sent as it stands."""
    return OpenApiExample(name, value=value, request_only=True, media_type=JSON)
