"""Event: its JSON in `/api/v1/events`."""

from typing import Any

import orjson
from rest_framework import serializers

from conversations.models import Event
from conversations.resources.fields import UtcTimeField
from conversations.webhooks.payloads import EventType

EVENT_TYPES = [event_type.value for event_type in EventType]


class EventSerializer(serializers.Serializer[Event]):
    """Exactly what was sent; once that has been erased by age, `data` is null."""

    id = serializers.CharField(source="public_id")
    type = serializers.ChoiceField(EVENT_TYPES)
    timestamp = UtcTimeField(source="created_at")
    sequence = serializers.IntegerField(min_value=0)
    data = serializers.DictField(source="*", allow_null=True)  # type: ignore[assignment] # DRF takes it off the class

    def to_representation(self, instance: Event) -> dict[str, Any]:
        if instance.payload is not None:
            return dict(orjson.loads(instance.payload))
        return {**super().to_representation(instance), "data": None}


class EventPageSerializer(serializers.Serializer[Any]):
    """One page of events; follow `next` until it is null."""

    results = EventSerializer(many=True)
    next = serializers.CharField(allow_null=True)


EVENT = EventSerializer()
EVENT_PAGE = EventPageSerializer()


def event(event: Event) -> dict[str, Any]:
    return EVENT.to_representation(event)
