"""Describing a view's operations from outside of it."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.extensions import OpenApiViewExtension
from drf_spectacular.utils import extend_schema_view
from rest_framework.views import APIView


def describe(view: type[APIView], **operations: Callable[[Any], Any]) -> None:
    """`operations` are `extend_schema(…)` by method: what the document says of this view's `get`, `post`, …"""

    class Description(OpenApiViewExtension):
        target_class = view

        def view_replacement(self) -> type[APIView]:
            return extend_schema_view(**operations)(type(view.__name__, (view,), {}))
