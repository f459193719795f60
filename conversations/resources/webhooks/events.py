"""Event: its JSON in `/api/v1/events`."""

from typing import Any

import orjson
from rest_framework import serializers

from conversations.models import Event
from conversations.resources.fields import MethodField, UtcTimeField
from conversations.webhooks.payloads import EventType

EVENT_TYPES = [event_type.value for event_type in EventType]


class EventSerializer(serializers.Serializer[Event]):
    """Exactly what was sent; once that has been erased, by age or with its conversation, `data` is null."""

    id = serializers.CharField(source="public_id")
    type = serializers.ChoiceField(EVENT_TYPES)
    timestamp = UtcTimeField(source="created_at")
    sequence = serializers.IntegerField(min_value=0)
    data = MethodField(serializers.DictField(allow_null=True))  # type: ignore[assignment] # DRF takes it off the class

    def get_data(self, _event: Event) -> None:
        """Asked only when the payload has been erased."""

    def to_representation(self, instance: Event) -> dict[str, Any]:
        is_deleted = instance.conversation is not None and instance.conversation.deleted_at is not None
        if instance.payload is not None and not is_deleted:
            return dict(orjson.loads(instance.payload))
        return dict(super().to_representation(instance))


class EventPageSerializer(serializers.Serializer[Any]):
    """One page of events; follow `next` until it is null."""

    results = EventSerializer(many=True)
    next = serializers.CharField(allow_null=True)


EVENT = EventSerializer()
EVENT_PAGE = EventPageSerializer()


def event(event: Event) -> dict[str, Any]:
    return EVENT.to_representation(event)
