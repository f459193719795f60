"""Attempts to send deliveries: claimed by a sender, recorded when they end, released when the sender has to stop."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from conversations.models import Delivery, DeliveryAttempt, Event
from conversations.rules import webhook_retry
from conversations.rules.webhook_retry import Decision, Delivered, Failed, Retry
from conversations.services import one_by_one
from conversations.services.transactions import retry_on_deadlock
from conversations.services.webhooks import endpoints, sql
from conversations.services.webhooks import secrets as signing_secrets
from conversations.stores import refusals
from conversations.webhooks.sender import Outcome, SendError

# A sender that has not reported by then is dead: four times as long as an attempt may take.
LEASE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery whose next attempt this process makes.

    `attempt` is the attempt's number, `schedule_step` its step in the retry schedule. The newest of `encrypted_secrets`
    comes first.
    """

    pk: int
    account_id: int
    public_id: str
    endpoint_id: int | None
    attempt: int
    schedule_step: int
    url: str
    destination: str
    webhook_id: str
    body: str
    encrypted_secrets: tuple[str, ...]


def claim(*, pks: Sequence[int]) -> tuple[list[ClaimedDelivery], list[int]]:
    """Claims the deliveries that no other sender has claimed meanwhile; also gives the keys that cannot be claimed.

    Raises DatabaseError when the database is away.
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
            one_by_one.log_once("claim_delivery", str(pk), exc)
            _give_up(pk)
            refused.append(pk)
    return claimed, refused


def _give_up(pk: int) -> None:
    """Fails the delivery, if the database allows that, so that no later selection finds it again."""
    given_up = {"status": Delivery.Status.FAILED.value, "claimed_until": None, "finished_at": Now()}
    one_by_one.try_in_savepoint("give_up_delivery", str(pk), lambda: Delivery.objects.filter(pk=pk).update(**given_up))


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
        schedule_step=row["tries"],
        url=row["url"],
        destination=row["receiver"],
        webhook_id=event.public_id if event else row["public_id"],
        body=(event.payload if event else row["body"]) or "",
        encrypted_secrets=tuple(secrets.get((row["account_id"], row["endpoint_id"]), ())),
    )


@retry_on_deadlock
def record(*, delivery: ClaimedDelivery, outcome: Outcome) -> None:
    """Records the attempt, and what follows from its outcome for the delivery and its endpoint.

    The delivery stays as it is when the attempt's lease lapsed and the next attempt began, or it was cancelled.
    """
    decision = _decide(delivery, outcome)
    with transaction.atomic():
        # The order of locks: an endpoint before its deliveries.
        if delivery.endpoint_id is not None and isinstance(decision, Delivered):
            endpoints.note_success(account_id=delivery.account_id, endpoint_id=delivery.endpoint_id)
        elif delivery.endpoint_id is not None:
            endpoints.note_failure(account_id=delivery.account_id, endpoint_id=delivery.endpoint_id)
        _insert(delivery, outcome)
        if not _settle(delivery, decision):
            _erase_response(delivery)
        if delivery.endpoint_id is not None and not isinstance(decision, Delivered):
            is_gone = isinstance(decision, Failed) and decision.is_gone
            endpoints.disable_if_dead(account_id=delivery.account_id, endpoint_id=delivery.endpoint_id, is_gone=is_gone)


@retry_on_deadlock
def record_minimal(*, delivery: ClaimedDelivery, outcome: Outcome) -> None:
    """Settles a delivery for which `record` was refused. The attempt is recorded without its response, if possible.

    The endpoint is not touched: its row may be what was refused.
    """
    with transaction.atomic():
        minimal = replace(outcome, excerpt="")
        one_by_one.try_in_savepoint("record_attempt", delivery.public_id, lambda: _insert(delivery, minimal))
        _settle(delivery, _decide(delivery, outcome))


def _decide(delivery: ClaimedDelivery, outcome: Outcome) -> Decision:
    return webhook_retry.decide(
        http_status=outcome.http_status,
        schedule_step=delivery.schedule_step,
        retry_after=outcome.retry_after,
        jitter=random.random(),  # noqa: S311 — spreads load, guards nothing
    )


def release(*, deliveries: Collection[ClaimedDelivery]) -> None:
    """Ends the claims of a sender that has to stop. The attempts may have arrived; they are repeated at once.

    None counts as a step of the schedule.
    """
    in_order = sorted(deliveries, key=lambda delivery: delivery.pk)
    one_by_one.each("release_delivery", in_order, _release, key=lambda one: one.public_id)


@retry_on_deadlock
def _release(delivery: ClaimedDelivery) -> None:
    with transaction.atomic():
        _own(delivery).update(claimed_until=None, next_attempt_at=Now(), schedule_step=F("schedule_step") - 1)
        _insert(delivery, Outcome(seconds=0.0, error=SendError.INTERRUPTED))


def _settle(delivery: ClaimedDelivery, decision: Decision) -> bool:
    """False when the delivery is no longer this claim's to settle."""
    values: dict[str, Any]
    match decision:
        case Retry(seconds=seconds):
            values = {"next_attempt_at": Now() + timedelta(seconds=seconds), "is_due": False}
        case Delivered():
            values = {"status": Delivery.Status.SUCCEEDED.value, "finished_at": Now()}
        case Failed():
            values = {"status": Delivery.Status.FAILED.value, "finished_at": Now()}
    return bool(_own(delivery).update(claimed_until=None, **values))


def _erase_response(delivery: ClaimedDelivery) -> None:
    """If what was sent has been erased during the attempt: a receiver may answer with it.

    Who erases locks the delivery, which `_settle` has waited for. So this sees it, or else the attempt was there to be
    erased along with the rest.
    """
    is_kept = Q(delivery__body__isnull=False) | Q(delivery__event__payload__isnull=False)
    made = DeliveryAttempt.objects.for_account(delivery.account_id).filter(delivery=delivery.pk)
    made.filter(number=delivery.attempt).exclude(is_kept).update(response="")


def _own(delivery: ClaimedDelivery) -> QuerySet[Delivery]:
    """The delivery's row, as long as this claim is the latest one and still stands."""
    own = Delivery.objects.for_account(delivery.account_id).filter(pk=delivery.pk)
    return own.filter(attempts_made=delivery.attempt, claimed_until__isnull=False)


def _insert(delivery: ClaimedDelivery, outcome: Outcome) -> None:
    """Writes the attempt's row, unless there is one: who claimed after our lease lapsed has recorded it as interrupted.

    To be called before `_settle`. The attempt's start is computed from the statement's time, and must not lie after the
    delivery's end.
    """
    attempt = DeliveryAttempt(
        account_id=delivery.account_id,
        delivery_id=delivery.pk,
        number=delivery.attempt,
        started_at=Now() - timedelta(seconds=outcome.seconds),
        duration_ms=round(outcome.seconds * 1000),
        http_status=outcome.http_status,
        error=outcome.error.value if outcome.error else "",
        response=outcome.excerpt,
    )
    DeliveryAttempt.objects.bulk_create([attempt], ignore_conflicts=True)
