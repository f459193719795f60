"""Webhook endpoint: its JSON in `/api/v1/webhook_endpoints` and in events."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from conversations.models import WebhookEndpoint
from conversations.resources.fields import ConstantField, MethodField, UtcTimeField
from conversations.resources.webhooks.events import EVENT_TYPES
from conversations.webhooks import payloads


class WebhookEndpointSerializer(serializers.Serializer[WebhookEndpoint]):
    """A URL that is sent events of the account. Its secret is shown only where it is made."""

    id = serializers.CharField(source="public_id")
    object = ConstantField("webhook_endpoint")
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.ChoiceField([payloads.ALL, *EVENT_TYPES]))
    description = serializers.CharField()
    enabled = MethodField(serializers.BooleanField())
    disabled_at = UtcTimeField(allow_null=True)
    disabled_reason = MethodField(serializers.CharField(allow_null=True))
    failing_since = UtcTimeField(allow_null=True)
    previous_secret_expires_at = MethodField(UtcTimeField(allow_null=True))
    created_at = UtcTimeField()

    def get_enabled(self, endpoint: WebhookEndpoint) -> bool:
        return endpoint.disabled_at is None

    def get_disabled_reason(self, endpoint: WebhookEndpoint) -> str | None:
        return endpoint.disabled_reason or None

    def get_previous_secret_expires_at(self, endpoint: WebhookEndpoint) -> datetime | None:
        """The latest end among the secrets that have one."""
        ends = [secret.expires_at for secret in endpoint.secrets.all() if secret.expires_at]
        return max(ends, default=None)


class WebhookEndpointWithSecretSerializer(WebhookEndpointSerializer):
    """The endpoint with its secret, which is shown this once."""

    secret = MethodField(serializers.CharField())

    def get_secret(self, _endpoint: WebhookEndpoint) -> str:
        return str(self.context["secret"])


class DeletedWebhookEndpointSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    object = ConstantField("webhook_endpoint")
    deleted = ConstantField(True)


class WebhookEndpointPageSerializer(serializers.Serializer[Any]):
    """All endpoints at once, for they are few; `next` is always null."""

    results = WebhookEndpointSerializer(many=True)
    next = serializers.CharField(allow_null=True)


ENDPOINT = WebhookEndpointSerializer()
ENDPOINT_PAGE = WebhookEndpointPageSerializer()
DELETED_ENDPOINT = DeletedWebhookEndpointSerializer()


def endpoint(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Its secrets that have an end should be loaded (`queries.webhooks.endpoints`)."""
    return dict(ENDPOINT.to_representation(endpoint))


def with_secret(endpoint: WebhookEndpoint, secret: str) -> dict[str, Any]:
    serializer = WebhookEndpointWithSecretSerializer(context={"secret": secret})
    return dict(serializer.to_representation(endpoint))
