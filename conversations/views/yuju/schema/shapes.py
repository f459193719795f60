"""What every route of `/v1/openapi` answers with, in the document: the envelope (docs/contract D.7, D.8)."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, inline_serializer
from rest_framework import serializers

from conversations.dialects.yuju import envelope
from conversations.resources.fields import ConstantField
from conversations.views.schema.components import Json, error_body, object_of
from conversations.views.schema.responses import JSON, errors

YUJU_ERROR = error_body(
    "YujuError",
    object_of({"Code": {"type": "integer"}, "Data": {"type": ["object", "null"]}, "Msg": {"type": "string"}}),
)


def succeeded(data: Json) -> Json:
    return object_of(
        {
            "Code": {"type": "integer", "const": envelope.OK},
            "Data": data,
            "Msg": {"type": "string", "const": envelope.OK_WORD},
        }
    )


def answer(data: serializers.Field[Any, Any, Any, Any], *, name: str, description: str) -> dict[Any, OpenApiResponse]:
    """The 200 of a route whose `Data` a serializer writes. `name`: of the component."""
    members = {"Code": ConstantField(envelope.OK), "Data": data, "Msg": ConstantField(envelope.OK_WORD)}
    return {(200, JSON): OpenApiResponse(inline_serializer(name, members), description=description)}


NOTHING = succeeded({"type": "null"})
# What a route may refuse that has no body, and one that is sent one.
REFUSED = errors(400, 401, 403, 405, 429, 503, body=YUJU_ERROR)
OF_ONE = errors(400, 401, 403, 404, 405, 429, 503, body=YUJU_ERROR)
WITH_BODY = errors(400, 401, 403, 404, 405, 413, 429, 503, body=YUJU_ERROR)
