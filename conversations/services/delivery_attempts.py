"""Attempts of deliveries: claimed by a sender, recorded when they are over, given back when it has to stop."""

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from conversations.models import Delivery, DeliveryAttempt, Event
from conversations.rules import webhook_retry
from conversations.rules.webhook_retry import Delivered, Failed, TryAgain
from conversations.services import delivery_sql, signing_secrets, webhook_endpoints
from conversations.webhooks.sender import Outcome, SendError

# A sender that has not reported by then is dead: four times as long as an attempt may take.
LEASE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """An attempt that is this process's to make. `sealed_secrets`: the newest first."""

    pk: int
    public_id: str
    endpoint_id: int | None
    attempt: int
    tries: int
    url: str
    receiver: str
    webhook_id: str
    body: str
    sealed_secrets: tuple[str, ...]


def claim(*, now: datetime, limit: int, room: int, rooms: Mapping[str, int]) -> list[ClaimedDelivery]:
    """At most `limit` due deliveries, and of each receiver at most `rooms` of it, or `room`; the longest due first."""
    with transaction.atomic():
        rows = delivery_sql.claim(now=now, limit=limit, room=room, rooms=rooms, lease_seconds=LEASE_SECONDS)
        secrets = signing_secrets.in_force(
            endpoint_ids={row["endpoint_id"] for row in rows if row["endpoint_id"]},
            account_ids={row["account_id"] for row in rows if not row["endpoint_id"]},
            now=now,
        )
        events = Event.objects.in_bulk({row["event_id"] for row in rows if row["event_id"]})
    return [
        ClaimedDelivery(
            pk=row["id"],
            public_id=row["public_id"],
            endpoint_id=row["endpoint_id"],
            attempt=row["attempts"],
            tries=row["tries"],
            url=row["url"],
            receiver=row["receiver"],
            webhook_id=events[row["event_id"]].public_id if row["event_id"] else row["public_id"],
            body=(events[row["event_id"]].payload if row["event_id"] else row["body"]) or "",
            sealed_secrets=tuple(secrets.get((row["account_id"], row["endpoint_id"]), ())),
        )
        for row in rows
    ]


def record(*, delivery: ClaimedDelivery, outcome: Outcome, started_at: datetime, now: datetime) -> None:
    """Writes down what came of the attempt, and what follows from it.

    Nothing follows when it came too late: its lease has lapsed and the next attempt began, or it was called off.
    """
    verdict = webhook_retry.verdict(
        http_status=outcome.http_status,
        tries=delivery.tries,
        retry_after=outcome.retry_after,
        chance=random.random(),  # noqa: S311 — spreads load, guards nothing
    )
    with transaction.atomic():
        # An endpoint is locked before its deliveries, everywhere.
        if delivery.endpoint_id is not None and isinstance(verdict, Delivered):
            webhook_endpoints.note_success(endpoint_id=delivery.endpoint_id)
        elif delivery.endpoint_id is not None:
            webhook_endpoints.note_failure(endpoint_id=delivery.endpoint_id, now=now)
        _settle(delivery, verdict, now=now)
        _write(delivery, outcome, started_at=started_at)
        if delivery.endpoint_id is not None and not isinstance(verdict, Delivered):
            is_gone = isinstance(verdict, Failed) and verdict.is_gone
            webhook_endpoints.give_up(endpoint_id=delivery.endpoint_id, is_gone=is_gone, now=now)


def give_back(*, deliveries: Collection[ClaimedDelivery], now: datetime) -> None:
    """Attempts whose sender has to stop. They may have arrived, and are made again at once; none counts as a try."""
    with transaction.atomic():
        for delivery in sorted(deliveries, key=lambda delivery: delivery.pk):
            mine = Delivery.objects.filter(pk=delivery.pk, attempts=delivery.attempt, claimed_until__isnull=False)
            mine.update(claimed_until=None, next_attempt_at=now, tries=F("tries") - 1)
            _write(delivery, Outcome(seconds=0.0, error=SendError.INTERRUPTED), started_at=now)


def _settle(delivery: ClaimedDelivery, verdict: Delivered | TryAgain | Failed, *, now: datetime) -> None:
    mine = Delivery.objects.filter(pk=delivery.pk, attempts=delivery.attempt, claimed_until__isnull=False)
    match verdict:
        case TryAgain(seconds=seconds):
            mine.update(claimed_until=None, next_attempt_at=now + timedelta(seconds=seconds))
        case Delivered():
            mine.update(claimed_until=None, status=Delivery.Status.SUCCEEDED.value, finished_at=now)
        case Failed():
            mine.update(claimed_until=None, status=Delivery.Status.FAILED.value, finished_at=now)


def _write(delivery: ClaimedDelivery, outcome: Outcome, *, started_at: datetime) -> None:
    """Once for each number: whoever took over after our lease has written that this attempt was interrupted."""
    attempt = DeliveryAttempt(
        delivery_id=delivery.pk,
        number=delivery.attempt,
        started_at=started_at,
        duration_ms=round(outcome.seconds * 1000),
        http_status=outcome.http_status,
        error=outcome.error.value if outcome.error else "",
        response=outcome.excerpt,
    )
    DeliveryAttempt.objects.bulk_create([attempt], ignore_conflicts=True)
