"""Attempts of deliveries: claimed by a sender, recorded when they are over, given back when it has to stop."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import F
from django.db.models.functions import Now

from conversations import refusals
from conversations.models import Delivery, DeliveryAttempt, Event
from conversations.rules import webhook_retry
from conversations.rules.webhook_retry import Delivered, Failed, TryAgain
from conversations.services import one_by_one
from conversations.services.transactions import retry_on_deadlock
from conversations.services.webhooks import endpoints, sql
from conversations.services.webhooks import secrets as signing_secrets
from conversations.webhooks.sender import Outcome, SendError

# A sender that has not reported by then is dead: four times as long as an attempt may take.
LEASE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """An attempt that is this process's to make. `sealed_secrets`: the newest first."""

    pk: int
    account_id: int
    public_id: str
    endpoint_id: int | None
    attempt: int
    tries: int
    url: str
    receiver: str
    webhook_id: str
    body: str
    sealed_secrets: tuple[str, ...]


def claim(*, pks: Sequence[int]) -> tuple[list[ClaimedDelivery], list[int]]:
    """Those of the deliveries that nobody else has taken meanwhile; and the keys of those that cannot be claimed.

    Raises what tells of a database that is away.
    """
    try:
        return _claim(pks), []
    except DatabaseError as exc:
        if refusals.is_away(exc):
            raise
    claimed: list[ClaimedDelivery] = []
    refused: list[int] = []
    for pk in pks:
        try:
            claimed += _claim([pk])
        except DatabaseError as exc:
            if refusals.is_away(exc):
                raise
            one_by_one.complain("claim_delivery", str(pk), exc)
            _give_up(pk)
            refused.append(pk)
    return claimed, refused


def _give_up(pk: int) -> None:
    """If possible, so that it never comes between the others again."""
    given_up = {"status": Delivery.Status.FAILED.value, "claimed_until": None, "finished_at": Now()}
    one_by_one.if_possible("give_up_delivery", str(pk), lambda: Delivery.objects.filter(pk=pk).update(**given_up))


def _claim(pks: Sequence[int]) -> list[ClaimedDelivery]:
    with transaction.atomic():
        rows = sql.claim(pks=pks, lease_seconds=LEASE_SECONDS)
        secrets = signing_secrets.in_force(
            endpoint_ids={row["endpoint_id"] for row in rows if row["endpoint_id"]},
            account_ids={row["account_id"] for row in rows if not row["endpoint_id"]},
        )
        events = Event.objects.in_bulk({row["event_id"] for row in rows if row["event_id"]})
    return [_claimed(row, events.get(row["event_id"]), secrets) for row in rows]


def _claimed(
    row: Mapping[str, Any], event: Event | None, secrets: Mapping[tuple[int, int | None], Sequence[str]]
) -> ClaimedDelivery:
    return ClaimedDelivery(
        pk=row["id"],
        account_id=row["account_id"],
        public_id=row["public_id"],
        endpoint_id=row["endpoint_id"],
        attempt=row["attempts"],
        tries=row["tries"],
        url=row["url"],
        receiver=row["receiver"],
        webhook_id=event.public_id if event else row["public_id"],
        body=(event.payload if event else row["body"]) or "",
        sealed_secrets=tuple(secrets.get((row["account_id"], row["endpoint_id"]), ())),
    )


@retry_on_deadlock
def record(*, delivery: ClaimedDelivery, outcome: Outcome) -> None:
    """Writes down what came of the attempt, and what follows from it.

    Nothing follows when it came too late: its lease has lapsed and the next attempt began, or it was called off.
    """
    verdict = _verdict(delivery, outcome)
    with transaction.atomic():
        # An endpoint is locked before its deliveries, everywhere.
        if delivery.endpoint_id is not None and isinstance(verdict, Delivered):
            endpoints.note_success(endpoint_id=delivery.endpoint_id)
        elif delivery.endpoint_id is not None:
            endpoints.note_failure(endpoint_id=delivery.endpoint_id)
        _write(delivery, outcome)
        _settle(delivery, verdict)
        if delivery.endpoint_id is not None and not isinstance(verdict, Delivered):
            is_gone = isinstance(verdict, Failed) and verdict.is_gone
            endpoints.give_up(endpoint_id=delivery.endpoint_id, is_gone=is_gone)


@retry_on_deadlock
def record_bare(*, delivery: ClaimedDelivery, outcome: Outcome) -> None:
    """What became of a delivery of which `record` was refused. Of the attempt as much as lets itself be written.

    Its endpoint is not touched: it may be what was refused.
    """
    with transaction.atomic():
        bare = replace(outcome, excerpt="")
        one_by_one.if_possible("record_attempt", delivery.public_id, lambda: _write(delivery, bare))
        _settle(delivery, _verdict(delivery, outcome))


def _verdict(delivery: ClaimedDelivery, outcome: Outcome) -> Delivered | TryAgain | Failed:
    return webhook_retry.verdict(
        http_status=outcome.http_status,
        tries=delivery.tries,
        retry_after=outcome.retry_after,
        chance=random.random(),  # noqa: S311 — spreads load, guards nothing
    )


def give_back(*, deliveries: Collection[ClaimedDelivery]) -> None:
    """Attempts whose sender has to stop. They may have arrived, and are made again at once; none counts as a try."""
    in_order = sorted(deliveries, key=lambda delivery: delivery.pk)
    one_by_one.each("give_back", in_order, _give_back, key=lambda one: one.public_id)


@retry_on_deadlock
def _give_back(delivery: ClaimedDelivery) -> None:
    with transaction.atomic():
        mine = Delivery.objects.filter(pk=delivery.pk, attempts=delivery.attempt, claimed_until__isnull=False)
        mine.update(claimed_until=None, next_attempt_at=Now(), tries=F("tries") - 1)
        _write(delivery, Outcome(seconds=0.0, error=SendError.INTERRUPTED))


def _settle(delivery: ClaimedDelivery, verdict: Delivered | TryAgain | Failed) -> None:
    mine = Delivery.objects.filter(pk=delivery.pk, attempts=delivery.attempt, claimed_until__isnull=False)
    match verdict:
        case TryAgain(seconds=seconds):
            mine.update(claimed_until=None, next_attempt_at=Now() + timedelta(seconds=seconds), is_due=False)
        case Delivered():
            mine.update(claimed_until=None, status=Delivery.Status.SUCCEEDED.value, finished_at=Now())
        case Failed():
            mine.update(claimed_until=None, status=Delivery.Status.FAILED.value, finished_at=Now())


def _write(delivery: ClaimedDelivery, outcome: Outcome) -> None:
    """Once for each number: whoever took over after our lease has written that this attempt was interrupted.

    Before the delivery is settled: its beginning is told by how long ago it was, and it must not lie after the end.
    """
    attempt = DeliveryAttempt(
        delivery_id=delivery.pk,
        number=delivery.attempt,
        started_at=Now() - timedelta(seconds=outcome.seconds),
        duration_ms=round(outcome.seconds * 1000),
        http_status=outcome.http_status,
        error=outcome.error.value if outcome.error else "",
        response=outcome.excerpt,
    )
    DeliveryAttempt.objects.bulk_create([attempt], ignore_conflicts=True)
