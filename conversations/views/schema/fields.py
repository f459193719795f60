"""What our own serializer fields look like in JSON Schema."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction

Json = dict[str, Any]


class TextFieldSchema(OpenApiSerializerFieldExtension):
    target_class = "conversations.views.bodies.fields.TextField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return {"type": "string", **({"maxLength": self.target.most} if self.target.most else {})}


class StrictFlagFieldSchema(OpenApiSerializerFieldExtension):
    target_class = "conversations.views.bodies.fields.StrictFlagField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return {"type": "boolean"}


class JsonFieldSchema(OpenApiSerializerFieldExtension):
    target_class = "conversations.views.bodies.fields.JsonField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return {}


class BoundedFieldSchema(OpenApiSerializerFieldExtension):
    target_class = "conversations.views.bodies.fields.BoundedField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return {}


class NumberFieldSchema(OpenApiSerializerFieldExtension):
    target_class = "conversations.views.bodies.fields.NumberField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return {"type": "number", "minimum": self.target.least, "maximum": self.target.most}


class IntegerFieldSchema(NumberFieldSchema):
    target_class = "conversations.views.bodies.fields.IntegerField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return {**super().map_serializer_field(auto_schema, direction), "type": "integer"}


class FlagFieldSchema(OpenApiSerializerFieldExtension):
    target_class = "conversations.views.bodies.fields.FlagField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return {"anyOf": [{"type": "boolean"}, {"type": "string", "enum": ["true", "false"]}]}


class ReferenceFieldSchema(OpenApiSerializerFieldExtension):
    target_class = "conversations.views.aichat.serializers.ReferenceField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        by_url = {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]}
        return {"anyOf": [{"type": "string"}, by_url]}
