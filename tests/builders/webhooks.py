"""Endpoints, events and deliveries, made through the services; and a sender with a clock of its own."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
from django.db import transaction

from conversations import encryption
from conversations.models import Account, Delivery, Run, WebhookEndpoint
from conversations.outbound.guard import CheckedUrl
from conversations.services.webhooks import attempts, deliveries, endpoints, events
from conversations.services.webhooks.attempts import ClaimedDelivery
from conversations.webhooks import sender, signing
from conversations.webhooks.payloads import EventType
from conversations.webhooks.sender import Outcome
from tests.fakes import database_clock

NOWHERE = "http://127.0.0.1:9/hook"
MANY = 1_000


def endpoint(owner: Account, url: str = NOWHERE, *, event_types: Sequence[str] = ("*",)) -> tuple[WebhookEndpoint, str]:
    return endpoints.create(account_id=owner.pk, url=CheckedUrl(url), event_types=event_types, description="")


def record(owner: Account, event_type: EventType = EventType.RUN_COMPLETED, **more: Any) -> None:
    with transaction.atomic():
        events.record(account_id=owner.pk, event_type=event_type, data=more.pop("data", {"id": "x"}), **more)


def delivery(owner: Account, url: str = NOWHERE) -> Delivery:
    """One delivery, to a new endpoint."""
    made, _ = endpoint(owner, url)
    record(owner)
    return Delivery.objects.get(endpoint=made)


def callback(run: Run, url: str = NOWHERE, *, body: str = "{}") -> None:
    is_stored = run.conversation_id is not None
    deliveries.create_for_callback(account_id=run.account_id, run_id=run.pk, is_stored=is_stored, url=url, body=body)


def now() -> datetime:
    return datetime.now(UTC)


def claim(at: datetime | None = None, *, limit: int = MANY) -> list[ClaimedDelivery]:
    """What is due, the longest due first; at that moment by the database's clock, which then stands still."""
    if at is not None:
        database_clock.stop_at(at)
    deliveries.note_due()
    due = Delivery.objects.filter(status="pending", is_due=True).order_by("next_attempt_at", "pk")
    claimed, _ = attempts.claim(pks=list(due.values_list("pk", flat=True)[:limit]))
    return sorted(claimed, key=lambda one: one.pk)


def fail(delivery: ClaimedDelivery, at: datetime, *, status: int = 500, retry_after: float | None = None) -> None:
    report(delivery, Outcome(seconds=0.25, http_status=status, excerpt="no", retry_after=retry_after), at)


def succeed(delivery: ClaimedDelivery, at: datetime) -> None:
    report(delivery, Outcome(seconds=0.25, http_status=200, excerpt="ok"), at)


def report(delivery: ClaimedDelivery, outcome: Outcome, at: datetime) -> None:
    database_clock.stop_at(at)
    attempts.record(delivery=delivery, outcome=outcome)


def post(client: httpx.Client, delivery: ClaimedDelivery, at: datetime) -> Outcome:
    """What a sender does between claim and record."""
    body = delivery.body.encode()
    secrets = [encryption.decrypt(encrypted) for encrypted in delivery.encrypted_secrets]
    headers = signing.headers(webhook_id=delivery.webhook_id, body=body, signing_secrets=secrets, now=at)
    return sender.post(client, url=delivery.url, headers=headers, body=body)
