"""drf-spectacular's generator with the descriptions of every family."""

from copy import deepcopy
from typing import Any

from django.http import HttpRequest
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from drf_spectacular.openapi import AutoSchema

from conversations.views.aichat import schema
from conversations.views.api.schema import runs, webhooks
from conversations.views.openai.schema import chat, text_inputs
from conversations.views.schema import answers, fields, headers, plain, tasks

Json = dict[str, Any]

MIRRORED, MIRROR = "/v1/", "/openai/"


def document() -> Json:
    """The whole OpenAPI document."""
    made: Json = ParleySchemaGenerator().get_schema(public=True)
    return made


class OperationSchema(AutoSchema):
    def get_auth(self) -> list[dict[str, list[Any]]]:
        """Every route asks for a key; the doors look at it themselves, not DRF's authentication classes."""
        return [{answers.KEY: []}]


class Endpoints(EndpointEnumerator):
    def should_include_endpoint(self, path: str, callback: Any) -> bool:
        """`/openai` is written as the mirror of `/v1` that it is."""
        return not path.startswith(MIRROR) and bool(super().should_include_endpoint(path, callback))


class ParleySchemaGenerator(SchemaGenerator):
    """Descriptions register themselves when their module is imported."""

    endpoint_inspector_cls = Endpoints
    described_in = (schema, chat, text_inputs, tasks, runs, webhooks, fields)

    def coerce_path(self, path: str, method: str, view: Any) -> str:
        """A trailing slash is tolerated on some routes, and part of none."""
        return str(super().coerce_path(path, method, view)).rstrip("/")

    def get_schema(self, request: HttpRequest | None = None, public: bool = False) -> Json:
        document: Json = super().get_schema(request, public)
        document["components"]["schemas"] |= answers.COMPONENTS
        paths = document["paths"]
        mirrored = {path: _mirrored(item) for path, item in paths.items() if path.startswith(MIRRORED)}
        paths |= {path.replace(MIRRORED, MIRROR, 1): item for path, item in mirrored.items()}
        document["paths"] = dict(sorted((paths | plain.PATHS).items()))
        headers.add(document)
        return document


def _mirrored(item: Json) -> Json:
    """The same operations under ids of their own."""
    return {
        method: {**deepcopy(operation), "operationId": f"{operation['operationId']}_mirrored"}
        for method, operation in item.items()
    }
