"""Visitor: its JSON in `/api/v1/visitors` and in events."""

from typing import Any

from rest_framework import serializers

from conversations.models import Dialogue, Visitor
from conversations.resources.fields import ConstantField, MethodField, UtcTimeField


class VisitorOfEventSerializer(serializers.Serializer[Visitor]):
    """A visitor in events, which may be kept for longer than the visitor: who it is can be read at `url`."""

    id = serializers.CharField(source="public_id")
    object = ConstantField("visitor")
    external_ids = serializers.ListField(child=serializers.CharField())
    first_seen_at = UtcTimeField(allow_null=True)
    last_seen_at = UtcTimeField(allow_null=True)
    created_at = UtcTimeField()
    url = MethodField(serializers.CharField())

    def get_url(self, visitor: Visitor) -> str:
        return f"/api/v1/visitors/{visitor.public_id}"


class VisitorSerializer(VisitorOfEventSerializer):
    """An end user of yours. `external_ids` are your own ids of it: `visitorId`, or `user` of `/v1`.

    `first_seen_at` is null until it has asked something; `last_seen_at` is accurate to the minute.
    """

    name = serializers.CharField(allow_blank=True)
    email = serializers.CharField(allow_blank=True)
    mobile = serializers.CharField(allow_blank=True)
    attributes = serializers.DictField()


class VisitorPageSerializer(serializers.Serializer[Any]):
    """One page of visitors, the newest first; follow `next` until it is null."""

    results = VisitorSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class DialogueSerializer(serializers.Serializer[Dialogue]):
    """A conversation of a visitor. `thread`: it is the memory of this visitor with this assistant."""

    id = serializers.CharField(source="conversation.public_id")
    object = ConstantField("conversation")
    assistant = MethodField(serializers.CharField(allow_null=True))
    thread = serializers.BooleanField(source="is_thread")
    created_at = UtcTimeField(source="conversation.created_at")
    updated_at = UtcTimeField(source="conversation.updated_at")

    def get_assistant(self, dialogue: Dialogue) -> str | None:
        return dialogue.assistant.public_id if dialogue.assistant else None


class DialoguePageSerializer(serializers.Serializer[Any]):
    """One page of conversations, the newest first; follow `next` until it is null."""

    results = DialogueSerializer(many=True)
    next = serializers.CharField(allow_null=True)


VISITOR = VisitorSerializer()
VISITOR_OF_EVENT = VisitorOfEventSerializer()
VISITOR_PAGE = VisitorPageSerializer()
DIALOGUE_PAGE = DialoguePageSerializer()


def visitor(visitor: Visitor) -> dict[str, Any]:
    """Its identities should be loaded (`queries.visitors`)."""
    return dict(VISITOR.to_representation(visitor))


def of_event(visitor: Visitor) -> dict[str, Any]:
    """As `visitor`."""
    return dict(VISITOR_OF_EVENT.to_representation(visitor))
