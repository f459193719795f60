"""JSON Schema of the fields of the Yuju family's bodies."""

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction

from conversations.views.schema.components import Json
from conversations.views.schema.fields import TextFieldSchema


class IdFieldSchema(TextFieldSchema):
    target_class = "conversations.views.yuju.fields.IdField"
    # Before that of the class which the field extends.
    priority = 1

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return {"anyOf": [super().map_serializer_field(auto_schema, direction), {"type": "integer"}]}


class NumberOrTextFieldSchema(OpenApiSerializerFieldExtension):
    target_class = "conversations.views.yuju.fields.NumberOrTextField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        text = r"^\s*([+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?)?\s*$"
        return {"anyOf": [{"type": "number"}, {"type": "string", "maxLength": 32, "pattern": text}]}
