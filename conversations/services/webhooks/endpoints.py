"""Webhook endpoints: created, changed and deleted; disabled by their owner, or because every attempt failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from conversations import errors, resources
from conversations.models import WebhookEndpoint
from conversations.models.rows import AccountRows
from conversations.models.webhooks.endpoints import DESCRIPTION_MAX_CHARS
from conversations.outbound.guard import CheckedUrl
from conversations.queries.webhooks import endpoints as endpoint_queries
from conversations.rules import webhook_retry
from conversations.services.accounts import quotas
from conversations.services.accounts.quotas import Quota
from conversations.services.transactions import retry_on_deadlock
from conversations.services.webhooks import deliveries, events, secrets
from conversations.webhooks import payloads
from conversations.webhooks.payloads import EventType

BY_OWNER = "Disabled by its owner."
GONE = "The receiver answered 410 Gone."
DEAD = f"Every attempt failed for {webhook_retry.DISABLE_AFTER.days} days."


@dataclass(frozen=True, slots=True)
class EndpointChange:
    """A field that is None stays as it is."""

    url: CheckedUrl | None = None
    events: Sequence[str] | None = None
    description: str | None = None
    is_enabled: bool | None = None


def create(
    *, account_id: int, url: CheckedUrl, event_types: Sequence[str], description: str
) -> tuple[WebhookEndpoint, str]:
    """The new endpoint and its secret, which is not returned again. Raises InvalidRequest and QuotaExceeded."""
    _check(event_types=event_types, description=description)
    with transaction.atomic():
        existing = endpoint_queries.of_account(account_id=account_id)
        quotas.check_count(account_id=account_id, quota=Quota.WEBHOOK_ENDPOINTS, rows=existing)
        endpoint = WebhookEndpoint.objects.create(
            account_id=account_id, url=url, events=list(event_types), description=description
        )
        secret = secrets.create(account_id=account_id, endpoint_id=endpoint.pk)
    return endpoint_queries.for_account(account_id=account_id, endpoint_id=endpoint.public_id), secret


@retry_on_deadlock
def change(*, account_id: int, endpoint_id: str, change: EndpointChange) -> WebhookEndpoint:
    """Disabling cancels the pending deliveries; enabling does not restore them. Raises NotFound and InvalidRequest."""
    _check(event_types=change.events, description=change.description)
    with transaction.atomic():
        endpoint = _locked(account_id, endpoint_id)
        given = {"url": change.url, "events": change.events, "description": change.description}
        values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if change.is_enabled is True and endpoint.disabled_at is not None:
            values |= {"disabled_at": None, "disabled_reason": "", "failing_since": None}
        if values:
            _rows(account_id, endpoint.pk).update(**values)
        if change.url is not None:
            deliveries.move_pending(account_id=account_id, endpoint_id=endpoint.pk, url=change.url)
        if change.is_enabled is False:
            _disable(endpoint, reason=BY_OWNER)
    return endpoint_queries.for_account(account_id=account_id, endpoint_id=endpoint_id)


@retry_on_deadlock
def delete(*, account_id: int, endpoint_id: str) -> None:
    """Erases its secrets and cancels its pending deliveries. The row stays, for its deliveries. Raises NotFound."""
    with transaction.atomic():
        endpoint = _locked(account_id, endpoint_id)
        _rows(account_id, endpoint.pk).update(deleted_at=Now())
        secrets.erase_for_endpoint(endpoint_id=endpoint.pk)
        deliveries.cancel_pending(account_id=account_id, endpoint_id=endpoint.pk)


@retry_on_deadlock
def rotate_secret(*, account_id: int, endpoint_id: str) -> tuple[WebhookEndpoint, str]:
    """The endpoint and its new secret, which is not returned again. The old one also signs for a day.

    Raises NotFound.
    """
    with transaction.atomic():
        endpoint = _locked(account_id, endpoint_id)
        secret = secrets.rotate(account_id=account_id, endpoint_id=endpoint.pk)
    return endpoint_queries.for_account(account_id=account_id, endpoint_id=endpoint_id), secret


def note_success(*, account_id: int, endpoint_id: int) -> None:
    _rows(account_id, endpoint_id).filter(failing_since__isnull=False).update(failing_since=None)


def note_failure(*, account_id: int, endpoint_id: int) -> None:
    """Notes when the endpoint began to fail. Locks its row until the transaction ends."""
    _rows(account_id, endpoint_id).select_for_update(no_key=True).only("pk").get()
    _rows(account_id, endpoint_id).filter(failing_since=None).update(failing_since=Now())


def disable_if_dead(*, account_id: int, endpoint_id: int, is_gone: bool) -> None:
    """Disables an endpoint that answered 410 or has failed for too long, and records an event about it."""
    endpoint = _rows(account_id, endpoint_id).annotate(failing_for=Now() - F("failing_since")).get()
    if endpoint.disabled_at or endpoint.deleted_at:
        return
    if not is_gone and not webhook_retry.must_disable(failing_for=endpoint.failing_for):
        return
    _disable(endpoint, reason=GONE if is_gone else DEAD)
    disabled = endpoint_queries.for_account(account_id=endpoint.account_id, endpoint_id=endpoint.public_id)
    data = resources.endpoint(disabled)
    events.record(account_id=disabled.account_id, event_type=EventType.ENDPOINT_DISABLED, data=data)


def _disable(endpoint: WebhookEndpoint, *, reason: str) -> None:
    enabled = _rows(endpoint.account_id, endpoint.pk).filter(disabled_at=None)
    if enabled.update(disabled_at=Now(), disabled_reason=reason):
        deliveries.cancel_pending(account_id=endpoint.account_id, endpoint_id=endpoint.pk)


def _rows(account_id: int, endpoint_id: int) -> AccountRows[WebhookEndpoint]:
    """The endpoint's row, as a queryset."""
    return WebhookEndpoint.objects.for_account(account_id).filter(pk=endpoint_id)


def _locked(account_id: int, endpoint_id: str) -> WebhookEndpoint:
    """Locks the endpoint. Raises NotFound, also when it is deleted while this waits for the lock."""
    known = endpoint_queries.for_account(account_id=account_id, endpoint_id=endpoint_id)
    locked = _rows(account_id, known.pk).select_for_update(no_key=True)
    if (endpoint := locked.filter(deleted_at=None).first()) is None:
        raise errors.NotFound("webhook endpoint not found")
    return endpoint


def _check(*, event_types: Sequence[str] | None, description: str | None) -> None:
    """Raises InvalidRequest, which names the field."""
    if event_types is not None:
        _check_event_types(event_types)
    if description is not None and len(description) > DESCRIPTION_MAX_CHARS:
        raise errors.InvalidRequest(
            f"description is longer than {DESCRIPTION_MAX_CHARS} characters", param="description"
        )


def _check_event_types(event_types: Sequence[str]) -> None:
    known = {payloads.ALL, *EventType}
    if not event_types or len(set(event_types)) != len(event_types):
        raise errors.InvalidRequest("events must name at least one type, and each once", param="events")
    if unknown := [event_type for event_type in event_types if event_type not in known]:
        raise errors.InvalidRequest(
            f"events: {unknown[0][:50]!r} is not one of {', '.join(sorted(known))}", param="events"
        )
