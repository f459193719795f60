"""HTTP tool: its JSON in `/api/v1/tools`."""

from typing import Any

from rest_framework import serializers

from conversations.models import Tool
from conversations.resources.fields import ConstantField, UtcTimeField
from conversations.values.tools import ArgumentsIn


class ToolSerializer(serializers.Serializer[Tool]):
    """A request that models may have sent. The values of its headers are never shown."""

    id = serializers.CharField(source="public_id")
    object = ConstantField("tool")
    name = serializers.CharField()
    description = serializers.CharField()
    parameters = serializers.DictField(help_text="A JSON Schema of its arguments.")
    method = serializers.ChoiceField(Tool.Method.values)
    url = serializers.CharField(help_text="{name} is the place of that argument.")
    arguments_in = serializers.ChoiceField(
        [place.value for place in ArgumentsIn], help_text="Where the arguments are that the URL has no place for."
    )
    header_names = serializers.ListField(child=serializers.CharField())
    idempotent = serializers.BooleanField(
        source="is_idempotent", help_text="A call may be repeated when nobody knows whether it was made."
    )
    needs_approval = serializers.BooleanField()
    timeout_seconds = serializers.IntegerField(min_value=1)
    enabled = serializers.BooleanField(source="is_enabled")
    created_at = UtcTimeField()
    changed_at = UtcTimeField()


class ToolPageSerializer(serializers.Serializer[Any]):
    """All tools at once, for they are few; `next` is always null."""

    results = ToolSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class DeletedToolSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    object = ConstantField("tool")
    deleted = ConstantField(True)


TOOL, TOOL_PAGE, DELETED_TOOL = ToolSerializer(), ToolPageSerializer(), DeletedToolSerializer()
