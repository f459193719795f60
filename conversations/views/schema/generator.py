"""Writes the document: drf-spectacular's generator, with the descriptions that stand beside each family's views."""

import pkgutil
from copy import deepcopy
from importlib import import_module
from typing import Any

from django.http import HttpRequest
from django.urls import resolve
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from drf_spectacular.openapi import AutoSchema

from conversations.views.schema import components, fields, response_headers
from conversations.views.schema.components import Json
from conversations.views.schema.public import PATHS as PUBLIC_PATHS

# The usual name in `components.SECURITY_SCHEMES`.
KEY = "key"
# How a browser's EventSource sends a client token.
ACCESS_TOKEN = "access_token"  # noqa: S105 — a parameter's name
MIRRORED, MIRROR = "/v1/", "/openai/"


def document() -> Json:
    """The whole OpenAPI document."""
    import_descriptions()
    made: Json = ParleySchemaGenerator().get_schema(public=True)
    return made


def import_descriptions() -> None:
    """Imports the package `schema` beside the views of every route; what it describes registers itself.

    Raises ModuleNotFoundError when a route has none beside its view.
    """
    endpoints = Endpoints().get_api_endpoints()
    packages = dict.fromkeys(callback.cls.__module__.rpartition(".")[0] for *_, callback in endpoints)
    for package in packages:
        schema = import_module(f"{package}.schema")
        for module in pkgutil.iter_modules(schema.__path__):
            import_module(f"{schema.__name__}.{module.name}")


class OperationSchema(AutoSchema):
    def get_auth(self) -> list[dict[str, list[Any]]]:
        """Every route asks for a key. The views check it themselves, not DRF's authentication classes."""
        schemes = getattr(self.view, "security_schemes", (KEY,))
        token = (ACCESS_TOKEN,) if getattr(self.view, "client_scope", None) else ()
        return [{scheme: []} for scheme in (*schemes, *token)]

    def get_description(self) -> str:  # type: ignore[override] # as drf-spectacular calls it
        """A view's docstring is for those who read the code: only what a description says is in the document."""
        return ""


class Endpoints(EndpointEnumerator):
    def should_include_endpoint(self, path: str, callback: Any) -> bool:
        """`/openai` is the mirror of `/v1`, and is written as its copy."""
        return not path.startswith(MIRROR) and bool(super().should_include_endpoint(path, callback))


class ParleySchemaGenerator(SchemaGenerator):
    endpoint_inspector_cls = Endpoints
    # Registers itself when it is imported.
    field_schemas = fields

    def coerce_path(self, path: str, method: str, view: Any) -> str:
        """A trailing slash is tolerated on some routes, and part of none."""
        return str(super().coerce_path(path, method, view)).rstrip("/")

    def get_schema(self, request: HttpRequest | None = None, public: bool = False) -> Json:
        document: Json = super().get_schema(request, public)
        document["components"]["schemas"] |= components.SCHEMAS
        document["components"]["securitySchemes"] = components.SECURITY_SCHEMES
        document["tags"] = components.TAGS
        paths = document["paths"]
        paths |= {_mirror(path): _mirrored(item) for path, item in paths.items() if _has_mirror(path)}
        document["paths"] = dict(sorted((paths | PUBLIC_PATHS).items()))
        response_headers.add(document)
        return document


def _mirror(path: str) -> str:
    return path.replace(MIRRORED, MIRROR, 1)


def _has_mirror(path: str) -> bool:
    """Whether the same view answers under the other prefix: not every route below `/v1` must be of the same family."""
    return path.startswith(MIRRORED) and _view(_mirror(path)) is _view(path)


def _view(path: str) -> object:
    callback: Any = resolve(path).func
    return callback.cls


def _mirrored(item: Json) -> Json:
    """The same operations under ids of their own."""
    return {
        method: {**deepcopy(operation), "operationId": f"{operation['operationId']}_mirrored"}
        for method, operation in item.items()
    }
