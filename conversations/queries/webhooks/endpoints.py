"""Webhook endpoints for their owners. Deleted ones are never found."""

from django.db.models import Prefetch, QuerySet

from conversations import errors
from conversations.models import SigningSecret, WebhookEndpoint


def of_account(*, account_id: int) -> QuerySet[WebhookEndpoint]:
    """The oldest first, each with those of its secrets that were replaced and have an end."""
    replaced = SigningSecret.objects.filter(expires_at__isnull=False).only("endpoint_id", "expires_at")
    endpoints = WebhookEndpoint.objects.for_account(account_id).filter(deleted_at=None)
    return endpoints.prefetch_related(Prefetch("secrets", replaced)).order_by("pk")


def for_account(*, account_id: int, endpoint_id: str) -> WebhookEndpoint:
    """Raises NotFound when the account has no such endpoint."""
    endpoints = of_account(account_id=account_id)
    endpoint = endpoints.filter(public_id=endpoint_id).first()
    if endpoint is None:
        raise errors.NotFound("webhook endpoint not found")
    return endpoint
