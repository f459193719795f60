"""A trial call of a tool: its JSON in the answer of `/api/v1/tools/{id}/try`."""

from rest_framework import serializers

from conversations.resources.fields import ConstantField
from conversations.values.tools import ToolOutcome


class ToolTrialSerializer(serializers.Serializer[ToolOutcome]):
    """What a model would be told, from its beginning. `status` is that of HTTP, null without a response."""

    object = ConstantField("tool_trial")
    is_error = serializers.BooleanField()
    status = serializers.IntegerField(allow_null=True)
    seconds = serializers.FloatField()
    text = serializers.CharField()
    is_cut = serializers.BooleanField()


TOOL_TRIAL = ToolTrialSerializer()
