"""Conversation: its JSON in events."""

from typing import Any

from rest_framework import serializers

from conversations.models import Conversation
from conversations.resources.fields import ConstantField, UtcTimeField


class ConversationSerializer(serializers.Serializer[Conversation]):
    id = serializers.CharField(source="public_id")
    object = ConstantField("conversation")
    created_at = UtcTimeField()


CONVERSATION = ConversationSerializer()


def conversation(conversation: Conversation) -> dict[str, Any]:
    return dict(CONVERSATION.to_representation(conversation))
