"""Intent: its JSON in `/api/v1/intents`."""

from typing import Any

from rest_framework import serializers

from conversations.models import Intent
from conversations.resources.fields import ConstantField, UtcTimeField


class IntentSerializer(serializers.Serializer[Intent]):
    """Something that a visitor may want: a name, a description, and questions that satisfy it."""

    id = serializers.CharField(source="public_id")
    object = ConstantField("intent")
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    examples = serializers.ListField(child=serializers.CharField())
    created_at = UtcTimeField()
    changed_at = UtcTimeField()


class IntentPageSerializer(serializers.Serializer[Any]):
    """One page of intents, the newest first; follow `next` until it is null."""

    results = IntentSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class DeletedIntentSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    object = ConstantField("intent")
    deleted = ConstantField(True)


INTENT, INTENT_PAGE, DELETED_INTENT = IntentSerializer(), IntentPageSerializer(), DeletedIntentSerializer()
