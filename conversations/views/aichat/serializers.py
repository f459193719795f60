"""Types of the request fields of `POST /aichat/conversations` (docs/contract A.2); the dialect gives them meaning."""

from typing import Any

from rest_framework import serializers

from conversations.dialects.aichat.references import REFERENCES_MAX
from conversations.views.bodies.fields import FlagField, JsonField, ListField, TextField


class ReferenceField(serializers.Field[Any, Any, Any, Any]):
    """A string, or an object with a `url` string (docs/contract A.7)."""

    default_error_messages = {"invalid": "must be a string or an object with a url."}  # noqa: RUF012 — DRF's own way

    def to_internal_value(self, data: Any) -> str | dict[str, Any]:
        if isinstance(data, str) or (isinstance(data, dict) and isinstance(data.get("url"), str)):
            return data
        return self.fail("invalid")

    def to_representation(self, value: Any) -> Any:
        return value


class TurnSerializer(serializers.Serializer[Any]):
    model = TextField(required=False, allow_null=True, help_text="The name of a model, or `assistant:<id>`.")
    question = TextField(required=False, allow_null=True)
    id = TextField(required=False, allow_null=True)
    stateful = FlagField(required=False, allow_null=True)
    preset = TextField(required=False, allow_null=True)
    references = ListField(child=ReferenceField(), most=REFERENCES_MAX, required=False, allow_null=True)
    callback_url = TextField(required=False, allow_null=True)
    trace_id = TextField(required=False, allow_null=True)
    action = TextField(required=False, allow_null=True)
    knowledge = JsonField(required=False, allow_null=True)
    search = FlagField(required=False, allow_null=True)
    tools = JsonField(required=False, allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        # `async` cannot be a class attribute.
        return {**super().get_fields(), "async": FlagField(required=False, allow_null=True)}
