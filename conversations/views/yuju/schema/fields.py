"""JSON Schema of the fields that are the Yuju family's own."""

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction

from conversations.views.schema.components import Json


class IdFieldSchema(OpenApiSerializerFieldExtension):
    target_class = "conversations.views.yuju.fields.IdField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return {"anyOf": [{"type": "string", "maxLength": self.target.most}, {"type": "integer"}]}
