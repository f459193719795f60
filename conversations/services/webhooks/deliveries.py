"""Deliveries: owed, asked for again, called off, and forgotten by age. Attempts are `delivery_attempts`'."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from conversations import broker, errors
from conversations.models import Delivery, Event, Task, WebhookEndpoint
from conversations.queries.webhooks import deliveries as delivery_queries
from conversations.services import one_by_one
from conversations.services.transactions import retry_on_deadlock
from conversations.services.webhooks import quota
from conversations.webhooks import destinations, payloads

PENDING = Delivery.Status.PENDING.value
# A callback's body is the answer: of a turn that nothing stores it must not outlive the task by long.
UNSTORED_BODY_HOURS = 24
TRIM_BATCH = 500
# Attempts of one delivery: each is a row, and all are shown with it.
REPLAYED_UP_TO = 100
# More than can be sent from one sweep to the next.
DUE_BATCH = 5_000


def create_for_event(*, event: Event) -> None:
    """A delivery for each endpoint of the account that wants to know. In the event's own transaction.

    An account that is owed too much already gets them as failed: to be seen, and replayed. The event is there to be
    caught up on.
    """
    active = WebhookEndpoint.objects.for_account(event.account_id).filter(disabled_at=None, deleted_at=None)
    endpoints = [one for one in active.order_by("pk") if event.type in one.events or payloads.ALL in one.events]
    if not endpoints:
        return
    state = _first_state(account_id=event.account_id, count=len(endpoints))
    owed = [
        Delivery(
            account_id=event.account_id,
            kind=Delivery.Kind.ENDPOINT.value,
            endpoint=endpoint,
            event=event,
            run_id=event.run_id,
            url=endpoint.url,
            receiver=destinations.from_url(endpoint.url),
            **state,
        )
        for endpoint in endpoints
    ]
    Delivery.objects.bulk_create(owed)
    broker.wake_deliveries()


def create_for_callback(*, account_id: int, run_id: int, is_stored: bool, url: str, body: str) -> None:
    """The run's whole answer for the URL it was asked with. In the transaction that ends the run.

    As failed, when the account is owed too much already.
    """
    Delivery.objects.create(
        account_id=account_id,
        kind=Delivery.Kind.CALLBACK.value,
        run_id=run_id,
        url=url,
        receiver=destinations.from_url(url),
        is_stored=is_stored,
        body=body,
        **_first_state(account_id=account_id, count=1),
    )
    broker.wake_deliveries()


def _first_state(*, account_id: int, count: int) -> dict[str, Any]:
    """What new deliveries begin with. A run ends whatever it is: what is too much is never an error."""
    if quota.take(account_id=account_id, count=count):
        return {}
    return {"status": Delivery.Status.FAILED.value, "finished_at": Now()}


def replay(*, account_id: int, delivery_id: str) -> Delivery:
    """Owes the delivery once more, from now, under its old webhook-id; the schedule begins anew.

    Asked for again before it was sent, it changes nothing. Raises NotFound; InvalidRequest when its endpoint wants
    nothing, its body is no longer kept or it was attempted too often; RateLimited when the account is owed too much.
    """
    with transaction.atomic():
        known = delivery_queries.for_account(account_id=account_id, delivery_id=delivery_id)
        _check_replay(known)
        # One that is being sent at this moment stays as it is.
        idle = Delivery.objects.filter(pk=known.pk, claimed_until=None)
        asked_already = {"status": PENDING, "is_due": True, "tries": 0}
        again = {"status": PENDING, "is_due": True, "tries": 0, "next_attempt_at": Now(), "finished_at": None}
        if idle.exclude(**asked_already).update(**again):
            broker.wake_deliveries()
    return delivery_queries.for_account(account_id=account_id, delivery_id=delivery_id)


def _check_replay(known: Delivery) -> None:
    if known.endpoint is not None and (known.endpoint.disabled_at or known.endpoint.deleted_at):
        raise errors.InvalidRequest("Its endpoint is disabled or deleted.")
    if (known.event.payload if known.event else known.body) is None:
        raise errors.InvalidRequest("Its body is no longer kept.")
    if known.attempts >= REPLAYED_UP_TO:
        raise errors.InvalidRequest(f"It was attempted {known.attempts} times already.")
    if known.status != PENDING and not quota.take(account_id=known.account_id, count=1):
        raise errors.RateLimited("Too many deliveries are pending already.", retry_after=quota.COUNT_SECONDS)


def move_pending(*, endpoint_id: int, url: str) -> None:
    """What is still owed goes to the endpoint's new URL."""
    _lock(pending := _pending(endpoint_id))
    pending.update(url=url, receiver=destinations.from_url(url))


def cancel_pending(*, endpoint_id: int) -> None:
    """Nothing more is sent; an attempt under way may still arrive."""
    _cancel(_pending(endpoint_id))


def _cancel(pending: QuerySet[Delivery]) -> None:
    _lock(pending)
    pending.update(status=Delivery.Status.CANCELLED.value, claimed_until=None, finished_at=Now())


def _lock(deliveries: QuerySet[Delivery]) -> None:
    """In the order of their ids: two that change some of the same ones do not wait for each other."""
    list(deliveries.select_for_update(no_key=True, of=("self",)).order_by("pk").values_list("pk", flat=True))


def forget_conversation(*, conversation_id: int) -> None:
    """Erases what events, callbacks and tasks say of the conversation, and calls off what is still owed of it."""
    # One by one, each by an index: together they would read through all deliveries there are.
    for about in ({"run__conversation": conversation_id}, {"event__conversation": conversation_id}):
        _cancel(Delivery.objects.filter(**about, status=PENDING))
    Delivery.objects.filter(run__conversation=conversation_id, body__isnull=False).update(body=None)
    Event.objects.filter(conversation=conversation_id, payload__isnull=False).update(payload=None)
    Task.objects.filter(run__conversation=conversation_id).delete()


def are_due() -> bool:
    return Delivery.objects.filter(status=PENDING, is_due=True).exists()


def note_due() -> None:
    """Retries whose time has come are put where the sender looks."""
    waiting = Delivery.objects.filter(status=PENDING, is_due=False, next_attempt_at__lte=Now())
    pks = list(waiting.order_by("next_attempt_at").values_list("pk", flat=True)[:DUE_BATCH])
    one_by_one.in_one("note_due", pks, lambda some: Delivery.objects.filter(pk__in=some).update(is_due=True))


@retry_on_deadlock
def trim() -> None:
    """Erases bodies that have been kept long enough. Rows and attempts stay: they are the evidence."""
    kept_since = Now() - timedelta(days=settings.DELIVERY_KEEP_DAYS)
    old_events = Event.objects.filter(created_at__lt=kept_since, payload__isnull=False)
    pks = list(old_events.values_list("pk", flat=True)[:TRIM_BATCH])
    one_by_one.in_one("trim_events", pks, lambda some: Event.objects.filter(pk__in=some).update(payload=None))
    _trim_callbacks(Delivery.objects.filter(finished_at__lt=kept_since))
    unstored_since = Now() - timedelta(hours=UNSTORED_BODY_HOURS)
    _trim_callbacks(Delivery.objects.filter(is_stored=False, finished_at__lt=unstored_since))


def _trim_callbacks(old: QuerySet[Delivery]) -> None:
    pks = list(old.filter(body__isnull=False).values_list("pk", flat=True)[:TRIM_BATCH])
    one_by_one.in_one("trim_callbacks", pks, lambda some: Delivery.objects.filter(pk__in=some).update(body=None))


def _pending(endpoint_id: int) -> QuerySet[Delivery]:
    return Delivery.objects.filter(endpoint=endpoint_id, status=PENDING)
