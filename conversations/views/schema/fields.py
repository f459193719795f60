"""JSON Schema of the serializer fields that all families share."""

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction

from conversations.views.schema.components import Json

TYPES = {bool: "boolean", int: "integer", str: "string"}


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


class ObjectFieldSchema(OpenApiSerializerFieldExtension):
    target_class = "conversations.views.bodies.fields.ObjectField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return {"type": "object", "additionalProperties": True}


class HeadersFieldSchema(OpenApiSerializerFieldExtension):
    target_class = "conversations.views.bodies.fields.HeadersField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return {"type": "object", "additionalProperties": {"type": "string"}}


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


class ConstantFieldSchema(OpenApiSerializerFieldExtension):
    target_class = "conversations.resources.fields.ConstantField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        value = self.target.value
        return {"type": TYPES[type(value)], "const": value}


class MethodFieldSchema(OpenApiSerializerFieldExtension):
    target_class = "conversations.resources.fields.MethodField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return dict(auto_schema._map_serializer_field(self.target.field, direction))


class ChoiceFieldSchema(OpenApiSerializerFieldExtension):
    """Without the list of choices and the mark that drf-spectacular adds for its own enum components; with null, which
    JSON Schema wants among the values.
    """

    target_class = "rest_framework.serializers.ChoiceField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        blank = [""] if self.target.allow_blank else []
        null = [None] if self.target.allow_null else []
        return {"type": "string", "enum": [*self.target.choices, *blank, *null]}
