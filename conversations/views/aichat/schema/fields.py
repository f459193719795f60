"""JSON Schema of the serializer fields of `/aichat`."""

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction

from conversations.views.schema.components import Json


class ReferenceFieldSchema(OpenApiSerializerFieldExtension):
    target_class = "conversations.views.aichat.serializers.ReferenceField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        by_url = {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]}
        return {"anyOf": [{"type": "string"}, by_url]}
