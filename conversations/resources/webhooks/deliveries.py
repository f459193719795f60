"""Delivery and its attempts: their JSON in `/api/v1/deliveries`."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from conversations.models import Delivery, DeliveryAttempt
from conversations.resources.fields import ConstantField, MethodField, UtcTimeField


class DeliveryAttemptSerializer(serializers.Serializer[DeliveryAttempt]):
    """One POST. `error` says why there was no HTTP status; `response` is the beginning of the response's body."""

    number = serializers.IntegerField(min_value=0)
    started_at = UtcTimeField()
    duration_ms = serializers.IntegerField(min_value=0)
    http_status = serializers.IntegerField(min_value=0, allow_null=True)
    error = MethodField(serializers.CharField(allow_null=True))
    response = serializers.CharField()

    def get_error(self, attempt: DeliveryAttempt) -> str | None:
        return attempt.error or None


class DeliverySerializer(serializers.Serializer[Delivery]):
    """What is sent to one URL. `webhook_id` is the header `webhook-id` of all its attempts."""

    id = serializers.CharField(source="public_id")
    object = ConstantField("delivery")
    kind = serializers.ChoiceField(Delivery.Kind.values)
    status = serializers.ChoiceField(Delivery.Status.values)
    url = MethodField(serializers.CharField())
    webhook_id = MethodField(serializers.CharField())
    endpoint = serializers.CharField(source="endpoint.public_id", allow_null=True)
    event = serializers.CharField(source="event.public_id", allow_null=True)
    event_type = serializers.CharField(source="event.type", allow_null=True)
    run = serializers.CharField(source="run.public_id", allow_null=True)
    created_at = UtcTimeField()
    next_attempt_at = MethodField(UtcTimeField(allow_null=True))
    finished_at = UtcTimeField(allow_null=True)
    attempts = MethodField(DeliveryAttemptSerializer(many=True))

    def get_url(self, delivery: Delivery) -> str:
        """Of a deleted conversation's callback only its server, also before the rest is erased: its caller made it."""
        is_callback = delivery.kind == Delivery.Kind.CALLBACK
        return delivery.destination if is_callback and delivery.is_of_deleted else delivery.url

    def get_webhook_id(self, delivery: Delivery) -> str:
        return delivery.event.public_id if delivery.event else delivery.public_id

    def get_next_attempt_at(self, delivery: Delivery) -> datetime | None:
        return delivery.next_attempt_at if delivery.status == Delivery.Status.PENDING else None

    def get_attempts(self, delivery: Delivery) -> list[DeliveryAttempt]:
        """Those that were over when the delivery's row was read.

        The attempts are read after the row, so one may have ended in between. It is left out: the row does not show
        yet what came of it.
        """
        in_progress = delivery.attempts_made if delivery.claimed_until else None
        made = [attempt for attempt in delivery.attempts.all() if attempt.number <= delivery.attempts_made]
        over = [attempt for attempt in made if attempt.number != in_progress]
        if delivery.is_of_deleted:
            # They may still be waiting to be erased, and a receiver may have answered with what it was sent.
            for attempt in over:
                attempt.response = ""
        return over


class DeliveryPageSerializer(serializers.Serializer[Any]):
    """One page of deliveries; follow `next` until it is null."""

    results = DeliverySerializer(many=True)
    next = serializers.CharField(allow_null=True)


DELIVERY = DeliverySerializer()
DELIVERY_PAGE = DeliveryPageSerializer()


def delivery(delivery: Delivery) -> dict[str, Any]:
    return dict(DELIVERY.to_representation(delivery))
